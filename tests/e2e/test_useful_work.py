"""Real servers do useful work in the sandbox, with the capabilities in their manifests and no more.

Each is published and installed as a person would, then `mcpreg run` is driven by the official
client. Where a server needs the Internet, its hosts answer on this machine, in namespaces of their
own, over TLS. `python scripts/useful_work_page.py --write` makes docs/useful-work.md of what is
recorded here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters

from mcpreg.usecases.keys import init_keys
from tiny_registry import SETTINGS, TinyRegistry
from tls_site import make_certificate
from useful_work import JOBS, Call, Job
from warm_start import started

pytestmark = [
    pytest.mark.network,
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]

ROOT = Path(__file__).resolve().parents[2]
INTERNET = ROOT / "tests/support/local_internet.py"
USER = 54321  # as root, servers run as the owner of what is granted: somebody harmless
TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")  # where Python and Node look for authorities
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
XDG = ("CONFIG", "DATA", "CACHE", "STATE")


@dataclass
class Person:
    """Somebody with a home, a project, and a registry that is trusted."""

    folder: Path
    variables: Mapping[str, str]
    answers: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def mcpreg(self, *arguments: str) -> None:
        done = subprocess.run(
            [*started("mcpreg"), *arguments],
            env={**os.environ, **self.variables, "HOME": os.environ["HOME"]},  # uv's and npm's own
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr

    def filled(self, value: Any) -> Any:  # noqa: ANN401  # JSON
        return json.loads(json.dumps(value).replace("{project}", str(self.project)))

    def command(self, job: Job) -> list[str]:
        grants = list(job.grants)
        before: list[str] = []
        if job.pages:
            # The stand-ins' certificate: servers bring their own list of authorities.
            grants += [f"env:{name}" for name in TRUST]
            before = ["unshare", "--mount", "--net", sys.executable, str(INTERNET)]
            before.append(str(self.settings(job)))
        widened = [word for grant in grants for word in ("--grant", grant)]
        run = [*started("mcpreg"), "run", *widened, job.server]
        return [*before, *run, *(["--", *self.filled(job.arguments)] if job.arguments else [])]

    def settings(self, job: Job) -> Path:
        file = self.folder / "internet.json"
        certificate = make_certificate(self.folder, job.pages)
        asked = self.folder / "asked.jsonl"
        told = {"certificate": str(certificate), "pages": job.pages, "asked": str(asked)}
        file.write_text(json.dumps(told))
        return file

    def started(self, job: Job) -> StdioServerParameters:
        command, *arguments = self.command(job)
        trust = dict.fromkeys(TRUST, BUNDLE) if job.pages else {}
        return StdioServerParameters(
            command=command,
            args=arguments,
            env={**self.variables, **job.variables, **trust},
            cwd=str(self.project),
        )

    async def session(self, job: Job, calls: tuple[Call, ...]) -> None:
        async with Client(self.started(job), mode="legacy") as client:
            for tool, values, wanted in calls:
                result = await client.call_tool(tool, self.filled(values))
                text = " ".join(str(part.model_dump().get("text", "")) for part in result.content)
                assert wanted in text, text
                self.answers.append(text)


@pytest.fixture
def person() -> Iterator[Person]:
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-work-", dir="/var/tmp")).resolve()
    folder.chmod(0o755)
    try:
        _furnish(folder)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in XDG}
        yield Person(folder, {**kept, **own, "HOME": str(folder / "home")})
    finally:
        shutil.rmtree(folder)


def _furnish(folder: Path) -> None:
    """What the servers are to work on, owned by an ordinary user."""
    for name in ("project/notes", "project/data", "project/code", "home/.local/share/mcp-memory"):
        (folder / name).mkdir(parents=True)
    for name in ("notes", "code"):
        (folder / "project" / name / "hello.txt").write_text("Only this folder was granted.\n")
    git = ["git", "-C", str(folder / "project/code"), "-c", "user.name=Ada", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "First light"]):
        subprocess.run([*git, *words], check=True)
    if os.geteuid() == 0:
        for path in (*(folder / "project").rglob("*"), *(folder / "home").rglob("*")):
            os.chown(path, USER, USER)


@pytest.fixture
def published(person: Person, serve: Callable[[Path], str]) -> Callable[[Job], None]:
    """Publish one of this repository's entries, trust the registry, and install it."""

    def publish(job: Job) -> None:
        repo = person.folder / "registry"
        entry = Path("servers") / job.server / job.version
        shutil.copytree(ROOT / entry, repo / entry)
        (repo / "mcpreg.toml").write_bytes(SETTINGS.replace(b"io.github.acme/*", b"*"))
        subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
        now = datetime.now(UTC).replace(microsecond=0)
        keys = init_keys(repo, person.folder / "keys", now)
        registry = TinyRegistry(repo, person.folder / "site", keys, clock=now)
        for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
            registry.git("config", key, value)
        registry.commit("Begin")
        registry.publish(later=timedelta())
        person.mcpreg("registry", "add", serve(registry.site), "--root-sha256", keys.root)
        person.mcpreg("install", job.server, "--yes")

    return publish


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.short)
def test_does_useful_work(
    job: Job,
    person: Person,
    published: Callable[[Job], None],
    record_property: Callable[[str, object], None],
) -> None:
    if job.pages:
        _require_namespaces()
    published(job)
    began = time.monotonic()
    for calls in job.sessions:
        asyncio.run(person.session(job, calls))
    record_property("seconds", f"{time.monotonic() - began:.1f}")
    for answer in person.answers:
        record_property("answer", answer.replace(str(person.project), "{project}")[:4000])
    assert _violations(person) == []


async def sampled(
    context: object, params: types.CreateMessageRequestParams
) -> types.CreateMessageResult:
    asked = params.messages[0].content
    return types.CreateMessageResult(
        role="assistant", content=types.TextContent(text=f"heard: {asked}"), model="test"
    )


def test_a_client_that_can_do_more_is_offered_more_of_what_was_locked(
    person: Person, published: Callable[[Job], None]
) -> None:
    """server-everything registers tools that ask the client's model only where there is one."""
    job = next(job for job in JOBS if job.short == "server-everything")
    published(job)

    async def talk() -> tuple[list[str], list[str], str]:
        async with Client(person.started(job), mode="legacy") as client:
            plain = [tool.name for tool in (await client.list_tools()).tools]
        able = Client(person.started(job), mode="legacy", sampling_callback=sampled)
        async with able as client:
            more = [tool.name for tool in (await client.list_tools()).tools]
            prompt = {"prompt": "six times seven", "maxTokens": 9}
            result = await client.call_tool("trigger-sampling-request", prompt)
            return plain, more, str(result.content[0].model_dump()["text"])

    plain, more, answer = asyncio.run(talk())
    assert set(more) - set(plain) == {"trigger-sampling-request"}
    assert "six times seven" in answer
    assert _violations(person) == []


def _require_namespaces() -> None:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("hosts of its own need root and ip: apt-get install iproute2")


def _violations(person: Person) -> list[Any]:
    logs = (person.folder / "state").rglob("*.jsonl")
    events = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    assert any(event.get("event") == "stop" for event in events)
    return [event for event in events if event.get("event") in ("violation", "drift")]
