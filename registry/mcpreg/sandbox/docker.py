"""A plan as the words of `docker create`. Written for Docker 20.10 (Debian 12) and later.

What Docker leaves open is closed by the gate (`gate.py`) and by the same supervisor that
bubblewrap's sandboxes have; what it promises is compared from outside before the server starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcpreg.core.plan import Access, Bind, Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import gate, image, inside, limits
from mcpreg.sandbox.bubblewrap import LINKS, SYSTEM
from mcpreg.sandbox.interface import Identity

LABEL = "dev.mcpreg.run"  # its value is the number of the launcher's process
PLACE = "dev.mcpreg.place"  # and here that of `place`
IMAGE_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/machine-id")
_OWN_PROCESSES = 2  # docker-init, and the gate
_HEADROOM = 2  # as limits.py: RLIMIT_DATA over what the watch allows

ISOLATION = (
    "--interactive", "--init", "--rm", "--pull", "never",
    "--network", "none", "--hostname", inside.HOSTNAME, "--ipc", "private",
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
    # The gate needs namespaces, and then installs a filter of its own. What runs without one is
    # the engine's own first process, which the server, in another namespace, cannot reach.
    "--security-opt", "seccomp=unconfined",
    # What goes over standard output is the client's and is not to be kept on any disk.
    "--log-driver", "none",
    # An empty folder in place of the host's devices and drivers.
    "--tmpfs", "/sys:ro,size=4096",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One launch: the container's name, who launches it and where, the image's ID, files of ours.

    `files` pairs a path inside with one of this machine: the gate and the /etc files.
    """

    name: str
    launcher: int
    place: str
    image: str
    files: tuple[tuple[str, str], ...]
    user: Identity


def place() -> str:
    """Where a process's number is that process's: this boot of this machine, this pid namespace.

    Others may use the same engine, from another container or another machine. Raises OSError.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"


def create_words(plan: Plan, run: Run, env_file: str) -> list[str]:
    """What follows `docker`: one container, created and not started.

    Raises:
        SandboxSetupError: a variable cannot be passed on as it is.
    """
    words = ["create", "--name", run.name, *ISOLATION]
    words += ["--label", f"{LABEL}={run.launcher}", "--label", f"{PLACE}={run.place}"]
    words += ["--user", f"{run.user.uid}:{run.user.gid}", "--workdir", "/"]
    words += ["--env-file", env_file, *_limits(plan), *_scratch(plan, run.user)]
    system = () if plan.image else _system()
    for bind in (*system, *plan.binds, *_own(run)):
        words += ["--mount", _mount(bind)]
    places = gate.places(plan.argv[0], inside.environment(plan.env)["PATH"])
    return [*words, "--entrypoint", gate.PLACE, run.image, *gate.words(plan.cwd, places, plan.argv)]


def base_image(plan: Plan) -> image.Image:
    """The image of ours for a plan: nothing but the links that every sandbox and this plan has."""
    return image.base([*LINKS, *plan.links])


def env_file(plan: Plan) -> bytes:
    """The environment inside, as `--env-file` reads it: a file, so that no argv has a secret.

    Raises:
        SandboxSetupError: a value has a line break, which that format cannot hold.
    """
    lines = []
    for name, value in inside.environment(plan.env).items():
        if any(character in name + value for character in "\r\n"):
            raise SandboxSetupError(
                f"the variable {name} has a line break, which Docker's command line cannot pass on",
                hint="--backend bubblewrap, or give the server a file",
            )
        lines.append(f"{name}={value}\n")
    return "".join(lines).encode()


def etc_files(
    plan: Plan, pinned: Mapping[str, str], machine: str, user: Identity
) -> dict[str, bytes]:
    """The /etc files of every sandbox, with the number that the server's user has here.

    An image keeps its own but for those that say where names lead.
    """
    files = inside.etc_files(pinned, machine)
    if plan.image is not None:
        return {path: files[path] for path in IMAGE_FILES}
    files["/etc/passwd"] = (
        f"mcp:x:{user.uid}:{user.gid}:mcp:{inside.HOME}:/usr/sbin/nologin\n".encode()
    )
    files["/etc/group"] = f"mcp:x:{user.gid}:\n".encode()
    return files


def _limits(plan: Plan) -> list[str]:
    """Hard limits by control group, and per process by rlimits, which run out with an error."""
    wanted = plan.limits
    words = ["--memory", str(wanted.memory), "--memory-swap", str(wanted.memory)]
    words += ["--pids-limit", str(wanted.pids + _OWN_PROCESSES), "--shm-size", str(wanted.dev)]
    rlimits = {
        "data": wanted.memory * _HEADROOM,
        "fsize": wanted.file_size,
        "nofile": wanted.open_files,
        "core": 0,
        "msgqueue": 0,
    }
    if wanted.cpu_seconds is not None:
        rlimits["cpu"] = wanted.cpu_seconds
    for name, value in rlimits.items():
        words += ["--ulimit", f"{name}={value}:{value}"]
    return words


def _scratch(plan: Plan, user: Identity) -> list[str]:
    common = f"rw,nosuid,nodev,exec,size={plan.limits.tmp}"
    common += f",nr_inodes={limits.allowed_entries(plan.limits)}"
    owner = f"mode=700,uid={user.uid},gid={user.gid}"
    return ["--tmpfs", f"/tmp:{common},mode=1777", "--tmpfs", f"{inside.HOME}:{common},{owner}"]  # noqa: S108  # inside


def _system() -> list[Bind]:
    """What every runtime stands on, as under bubblewrap."""
    return [Bind(path, path, role="runtime") for path in SYSTEM if Path(path).exists()]


def _own(run: Run) -> Iterable[Bind]:
    for target, source in run.files:
        yield Bind(source, target, role="runtime")


def _mount(bind: Bind) -> str:
    """The value of --mount: one line of CSV, RFC 4180."""
    fields = ["type=bind", f"source={bind.source}", f"target={bind.target}"]
    fields += [] if bind.access is Access.WRITE else ["readonly"]
    return ",".join(_quoted(field) for field in fields)


def _quoted(field: str) -> str:
    if any(character in field for character in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field
