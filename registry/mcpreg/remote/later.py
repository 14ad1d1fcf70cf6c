"""Packages of the MCP SDK whose own code runs when something of it is asked for.

`mcp/__init__.py` imports the SDK's server, its client and a web server: more than half of what the
start of every bridge took, for two transports that need none of it. A package set aside here is
found as ever, and its modules are imported as ever; what it exports itself is there from the first
time that somebody names it.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from types import ModuleType

_LOCK = threading.RLock()


class _Later(ModuleType):
    """Found, and not run yet. Asked for what it does not have, it runs and is a plain module."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        with _LOCK:
            if type(self) is _Later:
                # A plain module before it runs: its own code names parts of it, as while importing.
                self.__class__ = ModuleType  # type: ignore[assignment]  # a layout that allows it
                spec.loader.exec_module(self)
        return getattr(self, name)


def set_aside(*names: str) -> None:
    """Let these packages run when something of theirs is asked for; those that ran already stay.

    A parent comes before its children.
    """
    for name in names:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            continue  # not installed, or no package any more: importing it says so, or does it all
        module = _Later(name)
        module.__spec__, module.__loader__ = spec, spec.loader
        module.__file__ = spec.origin
        module.__package__ = name
        module.__path__ = spec.submodule_search_locations
        sys.modules[name] = module
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)
