"""Run every attempt on the sandbox and print what came of it: attempt by backend and user.

    python scripts/attempts.py            run the tests, print the table
    python scripts/attempts.py --write    and put it into docs/attempts.md

The numbers are those of the list that the sandbox was designed against. A test says which attempts
it is about by its name (`test_attempt_9_…`) or by its row (`9: a sentence`). Run it as root with
Docker installed (`python3 scripts/setup.py --with docker`), or columns stay empty.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/attempts.md"
WORLDS = ("bubblewrap-root", "bubblewrap-user", "docker-root", "docker-user")
TESTS = (
    "tests/hostile/test_attempts_calls.py",
    "tests/hostile/test_attempts_files.py",
    "tests/hostile/test_attempts_further.py",
    "tests/hostile/test_attempts_launcher.py",
    "tests/hostile/test_attempts_network.py",
    "tests/hostile/test_attempts_resources.py",
    "tests/registry/test_packages_npm.py",
    "tests/e2e/test_offline_story.py",
)
# Tests about an attempt that no backend has a part in: nothing of it reaches a sandbox.
BEFORE = {"test_no_install_script_runs": (67,)}

ATTEMPTS: Mapping[int, str] = dict(enumerate((
    "read /etc/shadow", "read ~/.ssh", "read ~/.aws", "leave a grant by `../`",
    "follow a link planted in a grant", "plant a link and be launched again",
    "be granted a link", "swap what is granted after the check", "write to a read-only grant",
    "write to /, /usr, the app, /dev", "hard link out of a grant", "make a device",
    "make a set-user-id file", "read beside the declared path",
    "connect to a socket in a grant", "write core_pattern", "use the magic SysRq key",
    "read the launcher's environment", "find a secret in a command line",
    "find an undeclared path among the mounts", "leave by /proc/1/root",
    "use an inherited descriptor", "read an undeclared variable",
    "be given LD_PRELOAD, NODE_OPTIONS, PYTHONPATH", "see or signal a process of the host",
    "type into the terminal (TIOCSTI)", "the same with high bits set",
    "speak to the console (TIOCLINUX)", "unshare a user namespace",
    "clone into a user namespace", "clone3", "start bubblewrap inside",
    "mount, open_tree, fsopen", "io_uring", "ptrace, process_vm, pidfd_getfd", "keyctl, add_key",
    "bpf, perf, userfaultfd", "the x32 ABI", "int 0x80", "run a set-user-id program",
    "packet, netlink, vsock, alg, raw sockets", "contact an undeclared host",
    "contact an IPv4 address", "contact an IPv6 address", "contact the metadata address",
    "use the wrong port", "send a datagram", "leak by DNS labels", "unset proxy variables",
    "contact the host's loopback", "connect to an abstract socket", "use the SSH agent",
    "use docker.sock", "misspell an allowed name (NUL, dot, case)",
    "rebind an allowed name to a private address", "contact anything on an empty list",
    "outlive the death of the network's supervisor", "a fork bomb", "a memory bomb",
    "fill scratch space", "write a huge file", "exhaust descriptors",
    "survive SIGKILL of the launcher", "leave a daemon behind",
    "survive a launcher killed during set-up", "flood standard output", "run an install script",
    "ask for more than the lock",
    "send datagrams to a socket in a grant", "hijack the sandbox's first process",
    "use the terminal of an output", "signal the launcher's group", "join a namespace",
    "take real-time priority", "mount_setattr, fspick", "process_vm_writev",
    "take its system calls' listener", "write the network's settings",
    "fill scratch space with empty files",
), start=1))  # fmt: skip

# What the tests of these see beside the denial; the rest is denied and the server lives on.
KILLED = {
    **dict.fromkeys((38, 39), "killed by the kernel"),
    **dict.fromkeys((*range(1, 6), *range(42, 50), 54, 56, 59), "killed, on record"),
}
BOUNDED = 79  # Docker's scratch space has a bound of its own; bubblewrap's is watched


@dataclass(frozen=True)
class Seen:
    """One test's outcome: `passed`, `failed`, or `skipped` with a reason."""

    module: str
    name: str
    outcome: str
    reason: str = ""

    @property
    def node(self) -> str:
        """What pytest calls it on its command line."""
        return f"{self.module.replace('.', '/')}.py::{self.name}"


def run(workers: str) -> list[Seen]:
    """Run the tests, and what failed once more, alone: that result counts."""
    seen = _run("-n", workers, *TESTS)
    return confirmed(seen) if any(test.outcome == "failed" for test in seen) else seen


def confirmed(seen: list[Seen]) -> list[Seen]:
    """The same with the results of running what failed again, one test at a time."""
    chosen = [test.node for test in seen if test.outcome == "failed"]
    again = {test.node: test for test in _run("-n", "0", *chosen)}
    return [again.get(test.node, test) for test in seen]


def _run(*words: str) -> list[Seen]:
    """One run of pytest; its own output goes to standard error."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *words]
        subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)
        return read(report)


def read(report: Path) -> list[Seen]:
    """What a report of pytest's says, test by test."""
    return [_seen(case) for case in ElementTree.parse(report).iter("testcase")]  # noqa: S314  # pytest's own


def _seen(case: ElementTree.Element) -> Seen:
    module, name = case.get("classname", ""), case.get("name", "")
    for problem in ("failure", "error"):
        if case.find(problem) is not None:
            return Seen(module, name, "failed")
    skipped = case.find("skipped")
    if skipped is not None:
        return Seen(module, name, "skipped", skipped.get("message", ""))
    return Seen(module, name, "passed")


def numbers(name: str) -> set[int]:
    """The attempts that a test's name is about."""
    function = name.partition("[")[0]
    if function in BEFORE:
        return set(BEFORE[function])
    named = re.search(r"attempts?_(\d+(?:_(?:and_)?\d+)*)", function)
    found = {int(digits) for digits in re.findall(r"\d+", named[1])} if named else set()
    return found | {int(digits) for digits in re.findall(r"[\[-](\d+): ", name)}


def table(seen: Iterable[Seen]) -> dict[int, dict[str, list[Seen]]]:
    """Attempt to world to the tests about both."""
    rows: dict[int, dict[str, list[Seen]]] = {number: defaultdict(list) for number in ATTEMPTS}
    for test in seen:
        world = next((name for name in WORLDS if name in test.name), None)
        for number in numbers(test.name) & rows.keys():
            for place in (world,) if world else WORLDS:
                rows[number][place].append(test)
    return rows


def result(number: int, world: str, tests: list[Seen]) -> str:
    """The cell: what happened to an attempt."""
    if any(test.outcome == "failed" for test in tests):
        return "**FAILED**"
    if any(test.outcome == "passed" for test in tests):
        if number == BOUNDED and world.startswith("bubblewrap"):
            return "killed, on record"
        return KILLED.get(number, "denied")
    reasons = {test.reason for test in tests}
    if number in (38,) and any("killed inside" in reason for reason in reasons):
        return "killed by the kernel¹"
    return "not tried²" if tests else "not run"


def page(rows: Mapping[int, Mapping[str, list[Seen]]]) -> str:
    """The whole document."""
    lines = [HEADER.format(kernel=platform.release().split("-")[0], machine=platform.machine())]
    lines.append("| | attempt | " + " | ".join(name.replace("-", ", ") for name in WORLDS) + " |")
    lines.append("|---|---|" + "---|" * len(WORLDS))
    for number, sentence in ATTEMPTS.items():
        cells = [result(number, world, rows[number][world]) for world in WORLDS]
        lines.append(f"| {number} | {sentence} | " + " | ".join(cells) + " |")
    reasons = sorted({
        test.reason.partition(": ")[2] if test.reason.startswith("Skipped: ") else test.reason
        for row in rows.values() for tests in row.values() for test in tests if test.reason
    })  # fmt: skip
    return "\n".join([*lines, "", FOOTER, *(f"- {reason}" for reason in reasons)]) + "\n"


HEADER = """# Attempts on the sandbox

Written by `python scripts/attempts.py --write`, which runs them. Each deed is done outside first,
with the same code, and must work there; then a server does it inside. The launcher is started by
root, who drops to an ordinary user, or by an ordinary user. *Denied*: the operating system said no,
with the error that the test names, and the server lives on. *Killed, on record*: denied as well,
and the server was ended and the audit log names what it reached for. A test that fails while others
run beside it is run once more, alone, and that result counts.

Up to 68 the list is the one that the sandbox was designed against; what follows was found since, by
reading it as an attacker would.

Linux {kernel} on {machine}.
"""
FOOTER = """¹ Killed inside; this kernel has it not outside, and the deed is not shown to work.
² The deed does not work unprotected on this machine. Reasons for what tests left out:
"""


def main() -> int:
    """Run, print, and say by the exit code whether anything failed or was not run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="replace docs/attempts.md")
    parser.add_argument("-n", dest="workers", default="auto", help="pytest workers")
    options = parser.parse_args()
    text = page(table(run(options.workers)))
    print(text)
    if options.write:
        PAGE.write_text(text)
    return int("**FAILED**" in text or "not run" in text)


if __name__ == "__main__":
    sys.exit(main())
