"""`python -m benchmarks [NAME…]`: every speed claim, one after the other."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

HELPERS = {"__init__", "__main__", "corpus", "measure", "memory", "search_corpus"}


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is measured is compiled, as installed
    names = [word for word in sys.argv[1:] if not word.startswith("--")] or sorted(
        path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS
    )
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
