"""`make demo`: the whole job on real servers, in a folder of its own, leaving nothing running.

Git -> publish (TUF) -> build -> serve -> trust -> verify -> install -> sandbox -> a real MCP
client calls tools; then a server reaches for a host it did not declare.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
BIN = Path(sys.executable).parent
OWNER = "io.github.modelcontextprotocol"
SERVERS = {name: f"{OWNER}/server-{name}" for name in ("time", "filesystem", "everything", "fetch")}
console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A step that did not do what it says."""


@dataclass(frozen=True)
class Stage:
    """The demo's own home, so that it touches nothing of the user's."""

    repo: Path
    site: Path
    keys: Path
    notes: Path
    environment: Mapping[str, str]


def prepare() -> Stage:
    """A fresh `.demo` with a clone of this repository and its own XDG folders."""
    shutil.rmtree(DEMO, ignore_errors=True)
    home = DEMO / "home"
    notes = DEMO / "notes"
    notes.mkdir(parents=True)
    (notes / "hello.txt").write_text("Only this folder was granted.\n")
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    environment = {**os.environ, **{f"XDG_{k}_HOME": str(home / k.lower()) for k in kinds}}
    environment["PATH"] = f"{BIN}:{environment.get('PATH', '')}"
    if os.geteuid() == 0:
        # As root, servers run as the granted folder's owner; make that somebody harmless.
        shutil.chown(notes, 65534, 65534)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(DEMO / "registry")], check=True)
    return Stage(DEMO / "registry", DEMO / "site", DEMO / "keys", notes, environment)


def step(number: int, title: str) -> None:
    """A heading."""
    console.print()
    console.print(Text(f" {number} ", style="bold white on blue"), Text(title, style="bold"))


def call(stage: Stage, *command: str, show: int = 6, expect: int = 0) -> str:
    """Run a command as a person would, show it and the first lines it prints."""
    shown = [
        str(Path(word).relative_to(ROOT)) if word.startswith(str(ROOT)) else word
        for word in command
    ]
    console.print(Text(f"   $ {shlex.join(shown)}", style="cyan"))
    done = subprocess.run(
        command, env=stage.environment, capture_output=True, text=True, check=False
    )
    output = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).rstrip()
    lines = output.splitlines()
    for line in lines[:show]:
        console.print(Text(f"     {line}"[:150], style="dim"))
    if len(lines) > show:
        console.print(Text(f"     … {len(lines) - show} more lines", style="dim"))
    if done.returncode != expect:
        raise DemoError(f"{shlex.join(shown)} ended with {done.returncode}\n{output}")
    return output


def publish(stage: Stage) -> str:
    """Make keys, commit their public half, sign what is in git. Returns the root's digest.

    One server is checked in full. The others pass the checks that need nothing from outside, and
    this demonstration's settings say that this is enough for them.
    """
    settings = stage.repo / "mcpreg.toml"
    settings.write_text(settings.read_text() + "\n[checks]\nrequire = []\n")
    made = call(
        stage, "mcpreg-site", "keys", "init", "--repo", str(stage.repo), "--keys", str(stage.keys)
    )
    git = ["git", "-C", str(stage.repo), "-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    subprocess.run([*git, "add", "trust", "mcpreg.toml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Trust root"], check=True)
    online = f"file:{stage.keys / 'online.pem'}"
    repo = ("--repo", str(stage.repo))
    call(stage, "mcpreg", "ci", "check", SERVERS["time"], *repo, show=14)
    call(stage, "mcpreg", "ci", "publish", *repo, "--online-key", online, "--offline")
    return next(line.split()[2] for line in made.splitlines() if line.startswith("root SHA-256"))


@contextmanager
def serving(stage: Stage) -> Iterator[str]:
    """`mcpreg-site serve` on a free port, stopped at the end whatever happens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["mcpreg-site", "serve", str(stage.site), "--port", str(port)]
    console.print(Text(f"   $ mcpreg-site serve .demo/site --port {port}", style="cyan"))
    server = subprocess.Popen(
        command, env=stage.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until the address answers; ten seconds at most."""
    for _ in range(100):
        if server.poll() is not None:
            raise DemoError("the site's server did not start")
        try:
            with urlopen(url, timeout=1):  # noqa: S310  # our own loopback address
                return
        except OSError:
            time.sleep(0.1)
    raise DemoError(f"{url} does not answer")


async def ask(stage: Stage, server: str, arguments: list[str], tool: str, values: object) -> str:
    """Start a server in its sandbox through the official client and call one tool."""
    command = ["run", SERVERS[server], *(["--", *arguments] if arguments else [])]
    console.print(Text(f"   client → mcpreg {shlex.join(command)}", style="cyan"))
    parameters = StdioServerParameters(
        command=str(BIN / "mcpreg"), args=command, env=dict(stage.environment)
    )
    began = time.perf_counter()
    with Path(os.devnull).open("w") as quiet:  # servers talk on stderr, too
        async with Client(stdio_client(parameters, errlog=quiet), mode="legacy") as client:
            first = time.perf_counter() - began
            result = await client.call_tool(tool, values if isinstance(values, dict) else {})
            text = " ".join(str(item.model_dump().get("text", "")) for item in result.content)
    console.print(Text(f"     {tool} {json.dumps(values)}", style="dim"))
    console.print(Text(f"     → {' '.join(text.split())[:120]}", style="green"))
    console.print(Text(f"     ready after {first * 1000:.0f} ms", style="dim"))
    return text


async def call_tools(stage: Stage) -> None:
    """One tool of each of three servers; wrong answers end the demo."""
    answer = await ask(
        stage,
        "time",
        [],
        "convert_time",
        {"source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Kathmandu"},
    )
    if "22:15" not in answer:
        raise DemoError("the time server is wrong")
    hello = str(stage.notes / "hello.txt")
    answer = await ask(stage, "filesystem", [str(stage.notes)], "read_text_file", {"path": hello})
    if "Only this folder" not in answer:
        raise DemoError("the granted file was not read")
    answer = await ask(stage, "everything", [], "echo", {"message": "hello from the sandbox"})
    if "hello from the sandbox" not in answer:
        raise DemoError("no echo")


def reach_out(stage: Stage) -> None:
    """mcp-server-fetch declares no host. It is told to fetch one."""
    command = ["mcpreg", "run", SERVERS["fetch"]]
    console.print(Text(f"   client → {shlex.join(command)}", style="cyan"))
    console.print(Text('     fetch {"url": "https://undeclared.example/"}', style="dim"))
    requests: list[dict[str, object]] = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "demo", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {
            "id": 2,
            "method": "tools/call",
            "params": {"name": "fetch", "arguments": {"url": "https://undeclared.example/"}},
        },
    ]
    server = subprocess.Popen(
        command,
        env=dict(stage.environment),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert server.stdin  # noqa: S101  # Popen was given pipes
    for request in requests:
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **request}) + "\n")
    server.stdin.flush()
    code = server.wait(60)
    error = server.stderr.read().strip() if server.stderr else ""
    for line in error.splitlines()[-2:]:
        console.print(Text(f"     {line}", style="red"))
    if code != 6:
        raise DemoError(f"the server was not killed: exit {code}\n{error}")
    console.print(Text("     exit 6: the sandbox killed the server", style="red"))
    call(stage, "mcpreg", "logs", "--last", show=12)


def main() -> int:
    """The story, top to bottom."""
    began = time.perf_counter()
    console.print(Panel.fit("mcpreg · from a git repository to a sandboxed server", style="bold"))
    stage = prepare()
    step(1, "Sign what is in git")
    root = publish(stage)
    step(2, "Build the static site from that commit")
    call(stage, "mcpreg-site", "build", "--repo", str(stage.repo), "--output", str(stage.site))
    step(3, "Serve it, and trust it by its root's digest")
    with serving(stage) as url:
        call(stage, "mcpreg", "registry", "add", url, "--name", "demo", "--root-sha256", root)
        step(4, "Look before letting in")
        call(stage, "mcpreg", "search", "time")
        call(stage, "mcpreg", "info", SERVERS["filesystem"], show=14)
        step(5, "Verify and install, artifact by artifact")
        for name in SERVERS.values():
            call(stage, "mcpreg", "install", name, "--yes", show=3)
        call(stage, "mcpreg", "verify", SERVERS["time"], show=12)
        step(6, "Run them in the sandbox, and ask")
        asyncio.run(call_tools(stage))
        step(7, "A server reaches for a host it never declared")
        reach_out(stage)
    step(8, "Done")
    console.print(f"   {time.perf_counter() - began:.0f} s; nothing is left running.")
    console.print(
        "   Open the catalog:  [bold].venv/bin/mcpreg-site serve .demo/site --port 8000[/]"
    )
    console.print("   then visit         [bold]http://127.0.0.1:8000/[/]")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        console.print(Text(f"demo failed: {error}", style="bold red"))
        sys.exit(1)
