"""A signed registry whose entry is a remote server, and a user who runs it through the bridge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp_types import CallToolResult, TextContent

from installed_machine import InstalledMachine, facts
from mcpreg.core import remote
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.inputs import remote_specs
from mcpreg.core.install import InstallRecord, RuntimeRecord
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.names import parse_reference
from mcpreg.core.plan import Limits
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.usecases.lock import make_lock
from mcpreg.usecases.remote import Given
from mcpreg.usecases.remote_ask import ask_remote
from mcpreg.usecases.review import Decision, except_rule
from offline_story import CLOCK, Story
from tiny_registry import make_manifest
from warm_start import started

TOOLS = ("count", "greet", "now", "repeat")


def manifest_of(
    url: str,
    version: str = "1.0.0",
    *,
    tools: Sequence[str] = TOOLS,
    prompts: Sequence[str] = ("summary",),
    **members: object,
) -> Manifest:
    """An entry that is nowhere but at `url`."""
    place = {"type": "streamable-http", "url": url, **members}
    capabilities = {"tools": list(tools), "prompts": list(prompts)}
    return make_manifest(CLOCK, version, packages=None, remotes=[place], capabilities=capabilities)


def offer(story: Story, manifest: Manifest, *, like: str | None = None, **environment: str) -> None:
    """Lock it by asking the server itself, submit, sign and publish it.

    `like` is the address of a server with the same tools, where the entry's own wants a token.
    """
    lock = lock_of(story.folder / "publisher", manifest, like, environment)
    story.registry.submit(manifest, lock=lock)
    decision = Decision(
        parse_reference(f"{manifest.name}@{manifest.version}"),
        "This registry is for one machine, and so is its server.",
        story.registry.clock,
    )
    last = (story.registry.clock + timedelta(days=30)).date()
    except_rule(story.registry.repo, "HEAD", decision, "remote-url", last)
    story.registry.commit("Except a loopback address")
    story.registry.publish(later=timedelta(0))


def lock_of(
    folder: Path, manifest: Manifest, like: str | None, environment: Mapping[str, str]
) -> Lock:
    """Its lock, by asking it, or the server at `like` which has the same tools."""
    nowhere = Places(folder, folder, folder, folder)
    asked = manifest_of(like) if like else manifest
    lock, _ = make_lock(
        manifest,
        cutoff=Cutoff.at("2026-11-01T00:00:00Z"),
        progress=lambda _: None,
        ask=lambda _: ask_remote(nowhere, asked, Given(environment)),
    )
    return lock


def placed(
    machine: InstalledMachine, manifest: Manifest, *, like: str | None = None, **environment: str
) -> None:
    """Install it on a machine without a registry: seconds less than a whole story."""
    lock = lock_of(machine.folder / "publisher", manifest, like, environment)
    place = remote.chosen(manifest)
    assert place is not None
    sandbox = (remote.capability_of(place.url),)
    store = InstalledStore(machine.folder / "data/mcpreg")
    record = InstallRecord(
        name=manifest.name,
        version=manifest.version,
        registry="tiny",
        registry_url="https://tiny.example",
        installed_at="2026-11-01T00:00:00Z",
        lock=lock.digest(),
        manifest=lock.manifest,
        app="",
        files="",
        entry=(),
        runtime=RuntimeRecord(remote.KIND, "", "", (), (), {}),
        sandbox=sandbox,
        inputs=remote_specs(place),
        limits=Limits(),
        facts=facts(manifest.name, manifest.version, sandbox),
        remote=remote.remote_record(place),
    )
    with store.writing():
        store.add(record, lock.canonical())


def ready(story: Story, manifest: Manifest, *, like: str | None = None, **environment: str) -> None:
    """Offer it, and have the user trust the registry and install it."""
    offer(story, manifest, like=like, **environment)
    story.trust()
    done = story.mcpreg("install", CLOCK)
    assert done.returncode == 0, done.stderr


def through(
    story: Story | InstalledMachine, *options: str, **environment: str
) -> StdioServerParameters:
    """How a client starts the entry."""
    command = [*started("mcpreg"), "run", *options, CLOCK]
    return StdioServerParameters(
        command=command[0],
        args=command[1:],
        env={**story.environment, **environment},
        cwd=str(story.folder),
    )


def events(story: Story | InstalledMachine, kind: str) -> list[dict[str, Any]]:
    """Every event of a kind in the audit logs, oldest run first."""
    found = []
    for path in sorted((story.folder / "state/mcpreg/audit").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event.get("event") == kind:
                found.append(event.get("fields", event))
    return found


def said(result: CallToolResult) -> str:
    """The text of a tool's answer."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def everything_written(*folders: Path) -> bytes:
    """The bytes of every file below, to look for what must not be there."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return b"".join(path.read_bytes() for path in files)
