"""Have real servers do useful work in the sandbox, and print who did what.

    python scripts/useful_work_page.py            run the tests, print the table
    python scripts/useful_work_page.py --write    and put it into docs/useful-work.md

What each is asked stands in tests/support/useful_work.py. Needs PyPI and npm; the servers that need
hosts also root, and ip (iproute2), or their rows stay empty.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))

from useful_work import JOBS, Job  # noqa: E402  # found once the path is set

PAGE = ROOT / "docs/useful-work.md"
TEST = "tests/e2e/test_useful_work.py::test_does_useful_work"
SHOWN = 90
HEADER = """# Useful work in the sandbox

Written by `python scripts/useful_work_page.py --write`. Each server is published in a registry made
for the test, verified, installed from its lock and started by `mcpreg run` with the capabilities in
its manifest; the official `mcp` client calls its tools, and the audit log must have no violation.
Hosts stand for the real ones: they answer on the same machine, over TLS, in namespaces of their
own, and `env:SSL_CERT_FILE` and `env:NODE_EXTRA_CA_CERTS` are granted so that servers trust the
stand-ins.
Seconds are from starting the server to its last answer, sessions one after the other.

"""
FOOTER = """
server-fetch declares no host, as nobody can know which pages a person wants: the run grants one. It
refuses addresses that are not public by itself, and inside a host's name stands for a loopback
address, so it is also told `--allow-private-ips`; what it may reach is the sandbox's to say.
"""


@dataclass(frozen=True)
class Done:
    """One row: `problem` is empty when the work was done."""

    answers: tuple[str, ...]
    seconds: str
    problem: str


def run(workers: str) -> dict[str, Done]:
    """Run the tests; what they recorded, by the server's short name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", workers, f"--junitxml={report}"]
        subprocess.run([*command, TEST], cwd=ROOT, check=False, stdout=sys.stderr)
        cases = ElementTree.parse(report).iter("testcase")  # noqa: S314  # pytest's own
        return {_named(case): _done(case) for case in cases}


def _named(case: ElementTree.Element) -> str:
    return case.get("name", "").partition("[")[2].rstrip("]")


def _done(case: ElementTree.Element) -> Done:
    recorded = [(item.get("name"), item.get("value", "")) for item in case.iter("property")]
    problem = next((kind for kind in ("failure", "error") if case.find(kind) is not None), "")
    skipped = case.find("skipped")
    if skipped is not None:
        problem = f"not run: {skipped.get('message', '')}"
    return Done(
        tuple(value for name, value in recorded if name == "answer"),
        dict(recorded).get("seconds", ""),
        "**FAILED**" if problem in ("failure", "error") else problem,
    )


def page(done: Mapping[str, Done]) -> str:
    """The whole document."""
    lines = [
        "| server | version | may | was asked | answered | seconds |",
        "|---|---|---|---|---|---:|",
        *(_row(job, done.get(job.short, Done((), "", "not run"))) for job in JOBS),
    ]
    return HEADER + "\n".join(lines) + "\n" + FOOTER


def _row(job: Job, done: Done) -> str:
    calls = [call for session in job.sessions for call in session]
    asked = "<br>".join(f"{tool} {_code(json.dumps(values))}" for tool, values, _ in calls)
    answers = zip(done.answers, (wanted for _, _, wanted in calls), strict=not done.problem)
    answered = done.problem or "<br>".join(_code(_around(*pair)) for pair in answers)
    return f"| {job.short} | {job.version} | {_may(job)} | {asked} | {answered} | {done.seconds} |"


def _around(answer: str, wanted: str) -> str:
    """The part of an answer that was waited for, and some before it."""
    line = " ".join(answer.split())
    start = max(0, line.find(wanted) - SHOWN // 2)
    return f"…{line[start:]}" if start else line


def _may(job: Job) -> str:
    manifest = json.loads((ROOT / "servers" / job.server / job.version / "mcps.json").read_text())
    declared = [f"`{text}`" for text in manifest["capabilities"].get("sandbox", [])]
    granted = [f"`{text}` (granted)" for text in job.grants]
    return "<br>".join([*declared, *granted]) or "nothing"


def _code(text: str) -> str:
    """Text of others in a table: one short line, as it is, without Markdown or HTML."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    short = plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"
    return "`" + short.replace("`", "'").replace("|", "\\|") + "`"


def main() -> int:
    """Run, print, and say by the exit code whether all did their work."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="replace docs/useful-work.md")
    parser.add_argument("-n", dest="workers", default="auto", help="pytest workers")
    options = parser.parse_args()
    done = run(options.workers)
    text = page(done)
    print(text)
    if options.write:
        PAGE.write_text(text)
    return int(len(done) < len(JOBS) or any(row.problem for row in done.values()))


if __name__ == "__main__":
    sys.exit(main())
