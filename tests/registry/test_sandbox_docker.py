"""A plan compiled for Docker: the words, the image and the gate, without an engine."""

from __future__ import annotations

import csv
import itertools
import os
import platform
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core.explain import explain
from mcpreg.core.install import InstallRecord, RuntimeRecord, from_document
from mcpreg.core.plan import Access, Bind, Endpoint, Limits, Plan, RootImage
from mcpreg.errors import SandboxSetupError, UsageError
from mcpreg.sandbox import choose_backend, docker, gate, image, kernel
from mcpreg.sandbox.docker_runner import check_reach
from mcpreg.sandbox.interface import Identity
from mcpreg.sandbox.notify import Listener
from mcpreg.sandbox.preview import preview

PLAN = Plan(name="a/b@1", argv=("node", "/app/x.js"), env={"TOKEN": "s3cret"})
USER = Identity(65534, 65534)
RUN = docker.Run("mcpreg-x", 1, "here", "sha256:00", (), USER)
SOURCES = Path(gate.__file__).parent


def mounts(plan: Plan) -> dict[str, dict[str, str]]:
    """Target to the fields of its --mount."""
    words = docker.create_words(plan, RUN, "-")
    found = {}
    for option, value in itertools.pairwise(words):
        if option == "--mount":
            fields = dict(field.partition("=")[::2] for field in next(csv.reader([value])))
            found[fields["target"]] = fields
    return found


def test_what_is_not_granted_for_writing_is_mounted_read_only() -> None:
    binds = (Bind("/a", "/a"), Bind("/b", "/b", Access.WRITE), Bind("/c", "/c", role="runtime"))
    found = mounts(PLAN._replace(binds=binds))
    assert [target for target, fields in found.items() if "readonly" not in fields] == ["/b"]


def test_a_record_read_back_binds_its_runtime_read_only() -> None:
    runtime = RuntimeRecord("node", "22", "/n", (Bind("/n", "/usr/bin/node"),), (), {})
    record = InstallRecord(
        "a/b", "1", "r", "", "", "", "", "/app", "", ("node",), runtime, (), (), Limits()
    )
    document = record.document()
    document["runtime"]["binds"] = [
        {**b, "access": str(b["access"])} for b in [*document["runtime"]["binds"]]
    ]
    again = from_document(document)
    assert again.runtime.binds[0].access is Access.READ
    assert "readonly" in mounts(PLAN._replace(binds=again.runtime.binds))["/usr/bin/node"]


@pytest.mark.parametrize("path", ["/a,b", '/a"b', "/a b", "/a,readonly=false", "/a\nb"])
def test_a_path_cannot_add_to_its_mounts_options(path: str) -> None:
    found = mounts(PLAN._replace(binds=(Bind(path, path),)))
    assert found[path] == {"type": "bind", "source": path, "target": path, "readonly": ""}


def test_no_word_of_the_command_has_a_variable() -> None:
    assert "s3cret" not in " ".join(docker.create_words(PLAN, RUN, "-"))
    assert b"TOKEN=s3cret\n" in docker.env_file(PLAN)


def test_refuses_a_variable_that_would_become_two() -> None:
    with pytest.raises(SandboxSetupError, match="line break"):
        docker.env_file(PLAN._replace(env={"KEY": "a\nLD_PRELOAD=/x.so"}))


def test_the_image_is_the_same_bytes_for_the_same_links() -> None:
    links = [("usr/lib", "/lib"), ("/opt/p", "/usr/bin/python3")]
    made = image.base(links, "x86_64")
    assert made == image.base(reversed(links), "x86_64")
    assert made.ids != image.base(links[:1], "x86_64").ids
    with tarfile.open(fileobj=BytesIO(made.archive)) as archive:
        digests = {name.removeprefix("blobs/") for name in archive.getnames() if "/" in name}
    assert {identity.replace(":", "/") for identity in made.ids} < digests


@pytest.mark.parametrize(("machine", "prefix"), [("x86_64", ""), ("aarch64", "aarch64-linux-gnu-")])
def test_the_gates_bytes_are_its_source_assembled(
    machine: str, prefix: str, tmp_path: Path
) -> None:
    tools = [prefix + name for name in ("as", "objcopy")]
    if machine == platform.machine():
        tools = ["as", "objcopy"]
    if not all(shutil.which(tool) for tool in tools):
        pytest.skip(f"no assembler for {machine}: apt-get install binutils")
    source, made = SOURCES / f"gate_{machine}.s", tmp_path / "gate.o"
    subprocess.run([tools[0], str(source), "-o", str(made)], check=True)
    text = tmp_path / "gate.bin"
    subprocess.run([tools[1], "-O", "binary", "-j", ".text", str(made), str(text)], check=True)
    assert text.read_bytes() in gate.build(machine)


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "gate"
    path.write_bytes(gate.build())
    path.chmod(0o755)
    return str(path)


def _await_stop(process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 10
    stat = Path(f"/proc/{process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def started(program: str, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The gate, stopped, with its files asked about by a thread that lets all pass."""
    gate_process = subprocess.Popen([program, *words], stdout=subprocess.PIPE, text=True)
    _await_stop(gate_process)
    listener = Listener(kernel.take_descriptor(gate_process.pid, 3))

    def let_pass() -> None:
        while (question := listener.receive()) is not None:
            listener.go_on(question)

    asked = threading.Thread(target=let_pass, daemon=True)
    asked.start()
    yield gate_process
    asked.join(10)


def test_the_gate_waits_filtered_and_becomes_the_server_in_its_folder(program: str) -> None:
    script = "pwd; echo $0; unshare -U true && echo escaped"
    words = gate.words("/usr", gate.places("sh", "/nowhere:/usr/bin:/bin"), ["shell", "-c", script])
    with started(program, words) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status
        for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
            assert f"Cap{kind}:\t0000000000000000" in status
        for kind in ("user", "net"):
            ours = Path(f"/proc/self/ns/{kind}").readlink()
            assert Path(f"/proc/{process.pid}/ns/{kind}").readlink() != ours
        os.kill(process.pid, signal.SIGCONT)
        assert process.communicate(timeout=10)[0] == "/usr\nshell\n"


def test_a_gate_that_may_make_no_namespace_says_so_and_starts_nothing(program: str) -> None:
    # In a user namespace whose own limit is none: only for this test and its children.
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    alone = ["unshare", "-Ur", "--mount-proc", "-pf", "sh", "-c", script, "sh", program, "/"]
    done = subprocess.run([*alone, "/bin/true", "", "x"], capture_output=True, check=False)
    if b"unshare" in done.stderr or b"cannot create" in done.stderr:
        pytest.skip(f"no namespace to try it in: {done.stderr.decode()}")
    assert done.returncode == gate.NO_NAMESPACE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["/", "/nowhere", "", "x"], gate.NOT_FOUND),
        (["/nowhere", "/bin/true", "", "x"], gate.REFUSED),
        (["/", "/bin/true"], gate.REFUSED),
        ([], gate.REFUSED),
    ],
)
def test_a_gate_that_cannot_do_a_step_starts_nothing(
    words: list[str], code: int, program: str
) -> None:
    with started(program, words) as process:
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(10) == code
        process.communicate()


AARCH64 = "qemu-aarch64-static"


@pytest.fixture
def emulated(tmp_path: Path) -> str:
    """The gate for aarch64, with calls that qemu's emulation of a kernel lacks made to do nothing.

    It has no seccomp(2), no unshare(2) of a user namespace (it has threads), and wants to write
    where capset(2) only reads. All else is the program as it is shipped.
    """
    if shutil.which(AARCH64) is None:
        pytest.skip("no emulator: python3 scripts/setup.py --with qemu-aarch64-static")
    program = bytearray(gate.build("aarch64"))
    program[68] = 7  # p_flags of the one segment, elf(5): may be written as well
    sched_yield = bytes.fromhex("880f80d2")  # mov x8, 124
    for call, times in (("a82280d2", 2), ("280c80d2", 1)):  # mov x8, 277 and mov x8, 97
        assert program.count(bytes.fromhex(call)) == times
        program = program.replace(bytes.fromhex(call), sched_yield)
    path = tmp_path / "gate"
    path.write_bytes(program)
    path.chmod(0o755)
    return str(path)


def test_the_gate_for_aarch64_waits_without_capabilities_and_becomes_the_server(
    emulated: str,
) -> None:
    places = gate.places("sh", "/nowhere:/usr/bin:/bin")
    words = gate.words("/usr", places, ["shell", "-c", "pwd; echo $0; echo $WORD"])
    process = subprocess.Popen(
        [AARCH64, emulated, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "WORD": "w"},
    )
    _await_stop(process)
    status = Path(f"/proc/{process.pid}/status").read_text()
    for kind in ("Inh", "Prm", "Eff", "Amb", *(["Bnd"] if os.geteuid() == 0 else [])):
        assert f"Cap{kind}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    os.kill(process.pid, signal.SIGCONT)
    assert process.communicate(timeout=10)[0] == "/usr\nshell\nw\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["/", "/nowhere", "", "x"], gate.NOT_FOUND),
        (["/nowhere", "/bin/true", "", "x"], gate.REFUSED),
        (["/", "/bin/true"], gate.REFUSED),
    ],
)
def test_a_gate_for_aarch64_that_cannot_do_a_step_starts_nothing(
    words: list[str], code: int, emulated: str
) -> None:
    process = subprocess.Popen([AARCH64, emulated, *words])
    _await_stop(process)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(10) == code


def test_refuses_a_mount_below_what_is_granted_for_reading() -> None:
    with pytest.raises(SandboxSetupError, match=r"is mounted at /proc, below /"):
        check_reach(PLAN._replace(binds=(Bind("/", "/host"),)))


def test_an_image_is_dockers_to_run() -> None:
    plan = PLAN._replace(image=RootImage("sha256:00", "sha256:01"))
    assert choose_backend("auto", plan) == "docker"
    assert choose_backend("docker", PLAN) == "docker"
    with pytest.raises(UsageError, match="bubblewrap runs no images"):
        choose_backend("bubblewrap", plan)
    with pytest.raises(UsageError, match="no backend 'podman'"):
        choose_backend("podman", plan)


@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
def test_a_preview_shows_the_command_and_no_value_that_was_given(backend: str) -> None:
    told = preview(
        PLAN,
        choose_backend("docker", PLAN) if backend == "docker" else "bubblewrap",
        USER,
        ["TOKEN"],
    )
    assert told.startswith(("docker create", "bwrap"))
    assert "s3cret" not in told
    assert told.endswith("node /app/x.js")


def test_explains_negatives_too() -> None:
    def told(plan: Plan) -> tuple[str, ...]:
        return explain(plan, backend="docker", user="yourself", on_violation="kill", given=())

    nothing = told(PLAN)
    assert "cannot read or write your files" in nothing
    assert "cannot contact any host" in nothing
    assert "is given none of your environment variables" in nothing
    binds = (Bind("/h/d", "/home/mcp/d"), Bind("/app-of-ours", "/app", role="app"))
    some = told(PLAN._replace(binds=binds, egress=(Endpoint("*.example.com", 443),)))
    assert "may read /h/d, which it sees as /home/mcp/d" in some
    assert "cannot change your files" in some
    assert "may contact any host below example.com on port 443" in some
    assert not any("app-of-ours" in sentence for sentence in some)
