"""Starting what is installed loads neither pydantic, tuf, sigstore nor mcp (SPEC section 6)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pydantic", "tuf", "sigstore", "mcp", "cryptography", "git", "asyncio", "rich")


@pytest.mark.parametrize(
    "modules",
    ["mcpreg.cli.main", "mcpreg.cli.run, mcpreg.usecases.launch, mcpreg.audit"],
    ids=["--version", "run"],
)
def test_imports_nothing_heavy(modules: str) -> None:
    code = f"import sys, {modules}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mcpreg.errors" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_clients_start_does_without_the_option_parser() -> None:
    """click, and what makes dataclasses, take as long to load as all else before the release."""
    needed = "run_server, mcpreg.usecases.launch, mcpreg.usecases.inputs, mcpreg.audit"
    code = f"import sys, mcpreg.cli.entry, mcpreg.cli.{needed}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mcpreg.sandbox.bubblewrap_runner" in loaded
    assert loaded.isdisjoint({*HEAVY, "click", "dataclasses", "inspect", "subprocess", "logging"})
