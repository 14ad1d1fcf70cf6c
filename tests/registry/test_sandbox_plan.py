"""Plans: written and read back, refused when their mounts could be turned against the host."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.plan import Access, Bind, Endpoint, Limits, Plan
from mcpreg.errors import SandboxSetupError, UsageError
from mcpreg.sandbox import choose_identity
from mcpreg.sandbox.interface import Identity
from mcpreg.sandbox.layout import check_layout
from mcpreg.sandbox.pin import open_without_links, pin
from mcpreg.sandbox.planfile import load_plan, read_plan, write_plan

text = st.text(max_size=20)
ports = st.integers(1, 65535)
plans = st.builds(
    Plan,
    name=text,
    argv=st.lists(text, max_size=4).map(tuple),
    env=st.dictionaries(text, text, max_size=3),
    cwd=text,
    binds=st.lists(
        st.builds(Bind, source=text, target=text, access=st.sampled_from(Access), role=text),
        max_size=3,
    ).map(tuple),
    links=st.lists(st.tuples(text, text), max_size=3).map(tuple),
    egress=st.lists(st.builds(Endpoint, host=text, port=ports), max_size=3).map(tuple),
    limits=st.builds(
        Limits, memory=st.integers(1), cpu_seconds=st.none() | st.integers(1), pids=st.integers(1)
    ),
)


@given(plans)
def test_a_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    assert read_plan(write_plan(plan)) == plan


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"egres": []}, "unknown member 'egres'"),
        ({"binds": [{"source": "/a", "target": "/b", "acess": "read"}]}, "'acess' in Bind"),
        ({"binds": [{"source": "/a", "target": "/b", "access": "wirte"}]}, "wirte"),
        ({"argv": "sh"}, "expected a list"),
        ({"argv": [1]}, "expected text"),
        ({"limits": {"memory": True}}, "expected a whole number"),
        ({"limits": {"memory": None}}, "expected a whole number"),
        ({"egress": [{"host": "a"}]}, "port"),
        ({"links": [["a"]]}, "values to unpack"),
    ],
)
def test_refuses_what_is_not_a_plan(change: dict[str, object], problem: str) -> None:
    document = {"name": "a", "argv": ["true"]}
    assert read_plan(json.dumps(document).encode()).argv == ("true",)
    with pytest.raises(UsageError, match=problem):
        read_plan(json.dumps(document | change).encode())


@given(st.binary(max_size=60))
def test_refuses_noise(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_plan(data)


def test_refuses_a_plan_that_is_too_long_or_too_deep(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at most"):
        read_plan(b" " * (1 << 20) + b"{}")
    with pytest.raises(UsageError):
        read_plan(b"[" * 100_000)
    with pytest.raises(UsageError, match="No such file"):
        load_plan(tmp_path / "missing.json")


GOOD = Plan(
    name="a",
    argv=("/usr/bin/true",),
    binds=(Bind("/srv/app", "/app"), Bind("/srv/data", "/data", Access.WRITE)),
    links=(("python3", "/usr/bin/python"),),
)


def with_bind(target: str, source: str = "/srv/x") -> Plan:
    return GOOD._replace(binds=(*GOOD.binds, Bind(source, target)))


def test_accepts_binds_side_by_side() -> None:
    check_layout(GOOD)
    check_layout(with_bind("/data-2"))
    check_layout(with_bind("/home/mcp/work"))


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (with_bind("/data/inner"), "lies inside /data"),
        (with_bind("/data"), "lies inside"),
        (with_bind("/usr/bin/python/x"), "lies inside /usr/bin/python"),
        (GOOD._replace(links=(("x", "/data/x"),)), "lies inside /data"),
        *((with_bind(t), "would cover") for t in ("/", "/usr/lib", "/usr/lib/x", "/proc/1",
                                                  "/dev/shm", "/etc", "/tmp", "/home/mcp",
                                                  "/bin/x", "/lib64")),
        *((with_bind(t), "not a plain") for t in ("data", "/a/../b", "/a//b", "/a/", "/./a",
                                                  "/a\0b", "")),
        (with_bind("/b", source="relative"), "not a plain"),
        (GOOD._replace(argv=()), "starts no program"),
        (GOOD._replace(argv=("a\0b",)), "NUL"),
        (GOOD._replace(env={"A": "b\0c"}), "NUL"),
        (GOOD._replace(env={"A=B": "c"}), "is not a name"),
        (GOOD._replace(cwd="here"), "not a plain"),
    ],
)  # fmt: skip
def test_refuses_layouts_that_are_not_safe(plan: Plan, problem: str) -> None:
    with pytest.raises(SandboxSetupError, match=problem):
        check_layout(plan)


segment = st.sampled_from(["a", "a-", "a.b", "b", "c"])
paths = st.lists(segment, min_size=1, max_size=4).map(lambda parts: "/srv/" + "/".join(parts))


@given(st.lists(paths, min_size=2, max_size=6))
def test_nested_targets_are_refused_wherever_they_stand(targets: list[str]) -> None:
    nested = any(
        one != other and other.startswith(one + "/") for one in targets for other in targets
    ) or len(set(targets)) < len(targets)
    plan = GOOD._replace(binds=tuple(Bind("/x", target) for target in targets))
    if nested:
        with pytest.raises(SandboxSetupError, match="lies inside"):
            check_layout(plan)
    else:
        check_layout(plan)


def test_opens_no_path_that_leads_through_a_link(tmp_path: Path) -> None:
    real = tmp_path.resolve() / "real"
    real.mkdir()
    (real / "file").write_text("x")
    (real.parent / "link").symlink_to(real)
    os.close(open_without_links(str(real / "file")))
    for path in (real.parent / "link", real.parent / "link" / "file"):
        with pytest.raises(SandboxSetupError, match="symbolic link 'link'"):
            open_without_links(str(path))


def test_pins_files_and_folders_only(tmp_path: Path) -> None:
    fifo = tmp_path.resolve() / "fifo"
    os.mkfifo(fifo)
    for source, problem in ((fifo, "neither"), (fifo.parent / "none", "No such file")):
        with pytest.raises(SandboxSetupError, match=problem):
            pin(Bind(str(source), "/x"))


def test_an_ordinary_user_stays_who_it_is() -> None:
    if os.geteuid() == 0:
        pytest.skip("the tests run as root")
    assert choose_identity(None, []) is None
    assert choose_identity(str(os.geteuid()), []) is None
    with pytest.raises(UsageError, match="only root"):
        choose_identity("65534" if os.geteuid() != 65534 else "1", [])


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root chooses another user")


def test_root_chooses_in_the_contracts_order(as_root: None, tmp_path: Path) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    os.chown(granted, 4242, 4243)
    sudo = {"SUDO_UID": "1234", "SUDO_GID": "1235"}
    grants = [str(tmp_path / "missing"), "/", str(granted)]
    assert choose_identity("5555", grants, sudo) == Identity(5555, 5555)
    assert choose_identity(None, grants, sudo) == Identity(1234, 1235)
    assert choose_identity(None, grants, {}) == Identity(4242, 4243)
    assert choose_identity(None, ["/"], {}) == Identity(65534, 65534)


@pytest.mark.parametrize("name", ["0", "root", "no-such-user-here", "", "-1", "99999999999"])
def test_root_never_runs_a_server_as_root_or_nobody_known(name: str, as_root: None) -> None:
    with pytest.raises(UsageError):
        choose_identity(name, [], {})


@pytest.mark.parametrize("value", ["0", "-1", "x", ""])
def test_a_strange_sudo_variable_is_not_believed(value: str, as_root: None) -> None:
    sudo = {"SUDO_UID": value, "SUDO_GID": "0"}
    assert choose_identity(None, [], sudo) == Identity(65534, 65534)
