"""`mcpreg --version` against `python -c "import click"` (SPEC section 7: at most 3 times)."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import command, compare


def main() -> None:
    mcpreg = str(Path(sys.executable).parent / "mcpreg")
    result = compare(command(mcpreg, "--version"), command(sys.executable, "-c", "import click"))
    print(result.line("mcpreg --version", 'python -c "import click"', "<= 3"))


if __name__ == "__main__":
    main()
