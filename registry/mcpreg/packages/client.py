"""Calling uv and npm: their environment, their time, and their failures in our words.

The person's own index settings (proxies, mirrors, credentials, certificates) are kept, because
the clients know best how to use them. Everything else of the environment is left out, and the
working folder is one of ours, so that no project file of the person's changes what is resolved.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcpreg.errors import McpregError, UnreachableError, VerificationError

RESOLVE_SECONDS = 300  # the largest real tree takes 15 s with a cold cache on a slow line
INSTALL_SECONDS = 900  # hundreds of MB on a slow line
MAX_ANSWER = 4 << 20  # bytes of what a client prints; what is asked for has a few hundred
_TAIL_BYTES = 8 << 10
_TAIL_LINES = 12

_KEPT = re.compile(
    r"""PATH|HOME|USER|LOGNAME|LANG|LC_ALL|TMPDIR|XDG_(CACHE|CONFIG|DATA)_HOME
    |(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS
    |UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_STRATEGY|INDEX_\w+_(USERNAME|PASSWORD))
    |UV_(CACHE_DIR|CONFIG_FILE|SYSTEM_CERTS|NATIVE_TLS|INSECURE_HOST|HTTP_TIMEOUT|HTTP_RETRIES|KEYRING_PROVIDER)
    |NPM_CONFIG_(REGISTRY|CACHE|CA|CAFILE|PROXY|HTTPS_PROXY|NOPROXY|USERCONFIG|GLOBALCONFIG)
    |NPM_CONFIG_STRICT_SSL""",
    re.VERBOSE | re.IGNORECASE,
)
_MISMATCH = re.compile(r"hash mismatch|EINTEGRITY|integrity checksum failed", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"error sending request|failed to fetch|dns error|connection refused|timed out|tls"
    r"|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ERR_SOCKET|ENOTCACHED"
    r"|network (?:was|is|connectivity is) disabled",
    re.IGNORECASE,
)

_FULL = re.compile(
    r"No space left on device|ENOSPC|Disk quota exceeded|EDQUOT|File too large|EFBIG", re.IGNORECASE
)

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: nothing may be loaded between fork and exec


def call(command: Sequence[str], *, cwd: Path, seconds: int, what: str) -> None:
    """Run a package client to its end, quietly.

    Args:
        command: the argument list, the client's path first.
        cwd: a folder of ours; nothing above it is read as a project.
        seconds: the whole call may take this long.
        what: what is being done, for the error: "resolve mcp-server-time 1.0".

    Raises:
        VerificationError: the client found an artifact with another hash.
        UnreachableError: the index did not answer, or not in time.
        McpregError: anything else; the hint holds the client's last lines.
    """
    with tempfile.TemporaryFile() as output:
        both = output.fileno(), output.fileno()
        code = _run(command, cwd, seconds, environment(), both)
        if code != 0:
            raise _failed(code, seconds, what, _tail(output.fileno()))


def ask(command: Sequence[str], *, cwd: Path, seconds: int, what: str) -> str:
    """What a client prints, at most `MAX_ANSWER` bytes of it. Takes and raises what `call` does."""
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        code = _run(command, cwd, seconds, environment(), (answer.fileno(), output.fileno()))
        if code != 0:
            raise _failed(code, seconds, what, _tail(output.fileno()))
        answer.seek(0)
        return answer.read(MAX_ANSWER).decode("utf-8", "replace")


def _failed(code: int | None, seconds: int, what: str, said: str) -> McpregError:
    if code is None:
        return UnreachableError(f"could not {what} within {seconds} s", hint=said or None)
    if code == -signal.SIGXFSZ:  # setrlimit(2): beyond RLIMIT_FSIZE; it had no time to say so
        said = said or "File too large"
    return _failure(what, said)


def _run(
    command: Sequence[str], cwd: Path, seconds: int, env: Mapping[str, str], to: tuple[int, int]
) -> int | None:
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=to[0],
        stderr=to[1],
        umask=0o022,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, loaded before the fork
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _die_with_parent() -> None:
    # A client that outlives a killed install would go on writing into a folder being removed.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def environment() -> dict[str, str]:
    """What the clients get of our environment: how to reach an index, and nothing else."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    # uv brings certificates of its own and would not know a company's mirror; pip and npm do.
    return {"UV_SYSTEM_CERTS": "1"} | kept


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    os.lseek(descriptor, max(0, size - _TAIL_BYTES), os.SEEK_SET)
    text = os.read(descriptor, _TAIL_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])


def _failure(what: str, said: str) -> McpregError:
    if _MISMATCH.search(said):
        return VerificationError(f"could not {what}: an artifact has another hash", hint=said)
    if _FULL.search(said):
        return McpregError(
            f"could not {what}: the disk is full",
            hint=f"{said}\nmake room and run it again; nothing was changed",
        )
    if _UNREACHABLE.search(said):
        return UnreachableError(f"could not {what}: the package index does not answer", hint=said)
    return McpregError(f"could not {what}", hint=said or "the client said nothing")
