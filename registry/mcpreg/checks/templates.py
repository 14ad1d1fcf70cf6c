"""`{name}` in values (server.json: replaced from `variables` beside the value)."""

from __future__ import annotations

import re
from collections.abc import Container

_TEMPLATE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def undeclared(template: str | None, declared: Container[str] | None) -> list[str]:
    """The names in a template that nothing declares, each once, in order."""
    if template is None or "{" not in template:
        return []
    names = dict.fromkeys(_TEMPLATE.findall(template))
    return [name for name in names if name not in (declared or ())]
