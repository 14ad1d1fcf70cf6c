"""A server's output through the watch on its toolset, beside the bare pipe it had before.

Both sides read the same stream to its end; the server is `cat`. The second line is answers
whose text quotes "tools"; the third is answers that have such a member within and are parsed; the
last is one small message after the other, there and back.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import compare
from mcpreg.core import live
from mcpreg.core.wire import Watch
from mcpreg.sandbox.loop import Loop
from mcpreg.sandbox.outlet import Outlet

STREAM = 32 << 20  # bytes
ROUND_TRIPS = 2000
PAIRS = 5
SINK = """
import os
while os.read(0, 1 << 20): pass
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        stream = Path(folder, "stream")
        for name, text, member in (
            ("plain answers", "some text", "text"),
            ("answers that quote", '"tools"', "text"),
            ("answers that are parsed", "some text", "tools"),
        ):
            stream.write_bytes(_stream(text, member))
            result = compare(lambda: _pumped(stream), lambda: _bare(stream), PAIRS)
            size = stream.stat().st_size / 1e6
            print(result.line(f"{name}, {size:.0f} MB", "bare pipe", "-"))
            print(f"{'':34} {size / result.ours:8.0f} MB/s {'':26} {size / result.peer:8.0f} MB/s")
    result = compare(lambda: _echoes(watched=True), lambda: _echoes(watched=False), PAIRS)
    print(result.line(f"{ROUND_TRIPS} round trips", "bare pipe", "-"))


def _stream(text: str, member: str) -> bytes:
    content = [{"type": "text", member: f"{text} and more of a tool's answer, " * 40}]
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": content}}).encode() + b"\n"
    return line * (STREAM // len(line))


def _watch() -> Watch:
    return Watch(live.Toolset(live.Locked({}, {})), lambda _: None, lambda _: None)


def _bare(stream: Path) -> None:
    with (
        subprocess.Popen(["cat", str(stream)], stdout=subprocess.PIPE) as server,
        subprocess.Popen(["python3", "-c", SINK], stdin=server.stdout) as client,
    ):
        if server.stdout is not None:
            server.stdout.close()
        client.wait()


def _pumped(stream: Path) -> None:
    with subprocess.Popen(["python3", "-c", SINK], stdin=subprocess.PIPE) as client:
        if client.stdin is None:
            raise RuntimeError("opened without a pipe")
        outlet = Outlet(client.stdin.fileno(), _watch)
        with subprocess.Popen(["cat", str(stream)], stdout=outlet.inlet) as server:
            outlet.started()
            loop = Loop()
            outlet.watch(loop, lambda _: None)
            while server.poll() is None:
                loop.turn(0.01)
            outlet.drain()
        outlet.close()
        loop.close()
        client.stdin.close()
        client.wait()


def _echoes(*, watched: bool) -> None:
    """One process asks and waits; `cat` answers; the watch runs where it does: beside both."""
    read, write = os.pipe()
    message = b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
    outlet = Outlet(write, _watch) if watched else None
    inlet = outlet.inlet if outlet is not None else write
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=inlet) as server:
        if server.stdin is None:
            raise RuntimeError("opened without a pipe")
        child = os.fork()
        if child == 0:
            _ask(server.stdin.fileno(), read, message)
        if outlet is not None:
            outlet.started()
            _turn_until(child, outlet)
        else:
            os.waitpid(child, 0)
        server.stdin.close()
    os.close(read)
    os.close(write)


def _ask(to: int, back: int, message: bytes) -> None:
    for _ in range(ROUND_TRIPS):
        os.write(to, message)
        os.read(back, 4096)
    os._exit(0)


def _turn_until(child: int, outlet: Outlet) -> None:
    loop = Loop()
    outlet.watch(loop, lambda _: None)
    ended: list[int] = []
    descriptor = os.pidfd_open(child)
    stop: Callable[[int], None] = ended.append
    loop.watch(descriptor, 1, stop)
    while not ended:
        loop.turn(1)
    os.waitpid(child, 0)
    outlet.close()
    loop.close()
    os.close(descriptor)


if __name__ == "__main__":
    main()
