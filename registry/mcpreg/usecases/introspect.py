"""Starting a server once, without network, grants or host environment, to read what it offers.

Everything it says is hostile: bytes, lines, pages, items and time are bounded, names must be
plain, and what cannot be hashed is refused. The results are taken as they came over the wire, not
as the client library models them, so that anyone who sees the same bytes computes the same hashes.

What is started is a plan of `mcpreg.usecases.probe`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import Client, MCPError
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from pydantic import RootModel, ValidationError

from mcpreg.core import canonical
from mcpreg.core.plan import Plan
from mcpreg.core.toolset import CAPABLE, Offer, beyond
from mcpreg.errors import McpregError, SandboxKilledError
from mcpreg.remote.quiet import quiet_library
from mcpreg.sandbox.planfile import write_plan

SECONDS = 60  # from start to the last list; the slowest real server seen takes 2 s
MAX_BYTES = 16 << 20  # everything it writes to stdout; the largest real toolset seen is 60 KB
MAX_PAGES = 64
MAX_ITEMS = 2048
MAX_CURSOR = 4096
_STDERR_KEPT = 4096  # the end of it, for the error message

# What the launcher needs, which is ours: temporary files, and where Docker is.
_KEPT = ("PATH", "HOME", "TMPDIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG",
         "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")  # fmt: skip

_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)  # tool names, MCP 2025-11-25
_UNKNOWN_METHOD = types.METHOD_NOT_FOUND
_SHAPE = (ValidationError, KeyError, TypeError, AttributeError)  # not what MCP says it should be
_FAILURES = (MCPError, TimeoutError, OSError, RuntimeError, *_SHAPE)

# method, member of the result, the member that names an item, the server capability it belongs to
_LISTS: tuple[tuple[type[types.PaginatedRequest[Any]], str, str, str], ...] = (
    (types.ListToolsRequest, "tools", "name", "tools"),
    (types.ListPromptsRequest, "prompts", "name", "prompts"),
    (types.ListResourcesRequest, "resources", "uri", "resources"),
    (types.ListResourceTemplatesRequest, "resourceTemplates", "uriTemplate", "resources"),
)

Items = tuple[Mapping[str, Any], ...]


class _Page(RootModel[dict[str, Any]]):
    """A list result as it came; the session has checked it against the protocol's schema."""


def introspect(plan: Plan, *, seconds: float = SECONDS, events: Path | None = None) -> Offer:
    """Run the plan in the sandbox, list everything, stop it; twice.

    The first client declares no capability, the second every one (`toolset.CAPABLE`): what it is
    offered besides is in `capable`. A server that only the second cannot ask is warned of.

    Args:
        plan: what to run.
        seconds: from start to the last list.
        events: a file to append what the sandbox records to. A violation is then denied and the
            server goes on, so that everything it reaches for gets in there, not the first only.

    Raises:
        McpregError: it did not start, did not answer in time, or answered what may not be locked;
            the hint holds the end of what it wrote to stderr.
        SandboxKilledError: it reached for something undeclared while starting.
    """
    plain = _read(plan, seconds, events, capable=False)
    try:
        capable = _read(plan, seconds, events, capable=True)
    except SandboxKilledError:
        raise
    except McpregError as error:
        told = f"cannot be asked by a client that can do more: {error.message}"
        return replace(plain, warnings=(*plain.warnings, told))
    return replace(plain, capable=beyond(plain, capable))


def _read(plan: Plan, seconds: float, events: Path | None, *, capable: bool) -> Offer:
    server = _Server()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "plan.json")
        file.write_bytes(write_plan(plan))
        # -P: a folder named mcpreg where the person stands must not be what starts the sandbox.
        command = [sys.executable, "-P", "-m", "mcpreg.sandbox", str(file)]
        if events is not None:
            command += ["--events", str(events), "--on-violation", "deny"]
        try:
            with quiet_library():
                return anyio.run(ask, _connect(command, server), seconds, capable)
        except BaseExceptionGroup as group:
            raise _translated(_first(group), plan, server) from group
        except (McpregError, *_FAILURES) as error:
            raise _translated(error, plan, server) from error


async def ask(
    connection: AbstractAsyncContextManager[TransportStreams],
    seconds: float = SECONDS,
    capable: bool = False,  # anyio.run passes positions only
) -> Offer:
    """List everything that the server at the other end offers.

    Args:
        connection: the transport, not yet open.
        seconds: from start to the last list.
        capable: declare all that a client can do, as an offer may depend on it.

    Raises:
        McpregError: it lists what may not be locked; without the server's name.
        TimeoutError: not done in time; and whatever the library raises.
    """
    able = _CAPABLE if capable else {}
    with anyio.fail_after(seconds):
        async with Client(connection, cache=None, **able) as client:
            declared = client.server_capabilities
            lists: dict[str, Items] = {}
            warnings: list[str] = []
            for request, member, key, needs in _LISTS:
                items: Items = ()
                if getattr(declared, needs) is not None:
                    items = await _pages(client, request, member, warnings)
                _check_items(items, member, key)
                lists[member] = items
            return Offer(
                protocol=client.protocol_version,
                tools=lists["tools"],
                prompts=lists["prompts"],
                resources=lists["resources"],
                templates=lists["resourceTemplates"],
                instructions=client.instructions,
                client_capabilities=CAPABLE if capable else {},
                warnings=tuple(warnings),
            )


async def _no_sample(_context: object, _params: object) -> types.ErrorData:
    return types.ErrorData(code=types.INVALID_REQUEST, message="nobody is here")


async def _no_answer(_context: object, _params: object) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def _no_roots(_context: object) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


_CAPABLE: Mapping[str, Any] = {
    "sampling_callback": _no_sample,
    "elicitation_callback": _no_answer,
    "list_roots_callback": _no_roots,
}
"""With these the library declares `CAPABLE`."""


async def _pages(
    client: Client, request: type[types.PaginatedRequest[Any]], member: str, warnings: list[str]
) -> Items:
    items: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        params = types.PaginatedRequestParams(cursor=cursor)
        try:
            answer = await client.session.send_request(request(params=params), _Page)
            page = answer.root
        except MCPError as error:
            if error.code != _UNKNOWN_METHOD:
                raise
            warnings.append(f"declares {member} but does not know how to list them")
            return tuple(items)
        items += page[member]
        cursor = page.get("nextCursor")
        if cursor is None:
            return tuple(items)
        if len(items) > MAX_ITEMS or len(seen) >= MAX_PAGES or len(cursor) > MAX_CURSOR:
            raise McpregError(f"lists more {member} than {MAX_ITEMS}, or in too many pages")
        if cursor in seen:
            raise McpregError(f"lists its {member} in a circle")
        seen.add(cursor)


def _check_items(items: Items, member: str, key: str) -> None:
    names = [item[key] for item in items]
    for name, item in zip(names, items, strict=True):
        plain = _NAME.fullmatch(name) if member == "tools" else name.isprintable()
        if not plain or len(name) > 2048:
            raise McpregError(f"a name among its {member} is not allowed: {name[:80]!r}")
        try:
            canonical.dumps(item)
        except (ValueError, RecursionError) as error:
            raise McpregError(f"{name} among its {member} cannot be hashed: {error}") from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise McpregError(f"lists {', '.join(repeated)} twice among its {member}")


@dataclass
class _Server:
    """What is known of the process while it runs and when it has ended."""

    stderr: bytes = b""
    received: int = 0
    code: int | None = None
    problem: str | None = None


@asynccontextmanager
async def _connect(
    command: Sequence[str], server: _Server
) -> AsyncGenerator[TransportStreams, None]:
    """The MCP stdio transport, with a bound on what the server may write.

    The library's own one keeps a line of any length in memory.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = await anyio.open_process(command, env=kept, start_new_session=True)
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("opened without pipes")
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read_lines, process.stdout, to_client, server)
        tasks.start_soon(_read_stderr, process.stderr, server)
        tasks.start_soon(_write_lines, process.stdin, from_client)
        try:
            yield from_server, to_server
        finally:
            # The reader then delivers no more and only empties the pipes: they must reach their
            # end before the process counts as ended.
            from_server.close()
            to_server.close()
            with anyio.CancelScope(shield=True):
                await _stop(process)
                server.code = process.returncode
            tasks.cancel_scope.cancel()


async def _read_lines(
    stdout: ByteReceiveStream,
    to_client: MemoryObjectSendStream[SessionMessage | Exception],
    server: _Server,
) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async with to_client:
            await _deliver(stdout, to_client, server)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for _ in stdout:
            pass


async def _deliver(
    stdout: ByteReceiveStream,
    to_client: MemoryObjectSendStream[SessionMessage | Exception],
    server: _Server,
) -> None:
    buffer = bytearray()
    async for chunk in stdout:
        server.received += len(chunk)
        if server.received > MAX_BYTES:
            server.problem = f"wrote more than {MAX_BYTES >> 20} MiB"
            return
        # Only the new part is searched: one long line costs its length, not its square.
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            buffer += line
            await to_client.send(_message(bytes(buffer)))
            buffer.clear()
        buffer += rest


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error  # the session ignores what is no message, as clients do


async def _read_stderr(stderr: ByteReceiveStream, server: _Server) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for chunk in stderr:
            server.stderr = (server.stderr + chunk)[-_STDERR_KEPT:]


async def _write_lines(
    stdin: ByteSendStream, from_client: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        async with from_client:
            async for item in from_client:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode() + b"\n")


async def _stop(process: Process) -> None:
    """Close stdin, then SIGTERM, which the sandbox takes as "end everything", then SIGKILL."""
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        if process.stdin is not None:
            await process.stdin.aclose()
    for seconds, end in ((1, process.terminate), (5, process.kill)):
        with anyio.move_on_after(seconds):
            await process.wait()
            return
        with suppress(ProcessLookupError):
            end()
    await process.wait()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _translated(error: BaseException, plan: Plan, server: _Server) -> BaseException:
    if not isinstance(error, Exception):
        return error  # a person's Ctrl-C
    said = server.stderr.decode("utf-8", "replace").strip()
    if server.code == SandboxKilledError.exit_code and "mcpreg: killed" in said:
        return SandboxKilledError(
            f"{plan.name} reached out while it started",
            hint=f"{said.splitlines()[-1]}; a server must list its tools without the network",
        )
    if isinstance(error, McpregError):
        return McpregError(f"{plan.name} {error.message}", hint=error.hint or said or None)
    match error:
        case _ if server.problem:
            reason = server.problem
        case TimeoutError():
            reason = "did not answer in time"
        case _ if isinstance(error, _SHAPE):
            reason = "answered something that is not MCP"
        case _:
            reason = f"could not be asked: {error}"
    status = f" (exit status {server.code})" if server.code not in (None, 0, -15) else ""
    return McpregError(f"{plan.name} {reason}{status}", hint=said or None)
