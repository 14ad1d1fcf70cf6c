"""Do one deed and print what came of it: `main.py MODULE.FUNCTION PARAMETERS`.

Runs outside and inside the sandbox unchanged. Prints one JSON line: {"did": result}, or
{"refused": errno name} when the operating system said no; any other exception is a traceback,
which no test takes for a denial.
"""

from __future__ import annotations

import errno
import importlib
import json
import sys


def main() -> None:
    module, _, function = sys.argv[1].partition(".")
    deed = getattr(importlib.import_module(module), function)
    try:
        answer = {"did": deed(**json.loads(sys.argv[2]))}
    except OSError as error:
        number = error.errno if error.errno is not None else 0
        # Name resolution has numbers of its own, all negative.
        name = errno.errorcode.get(number, f"{type(error).__name__} {number}")
        answer = {"refused": name}
    print(json.dumps(answer), flush=True)


main()
