"""From an installed record and a person's arguments to the sandbox plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcpreg.core import canonical
from mcpreg.core.install import InputSpec, InstallRecord, RuntimeRecord
from mcpreg.core.plan import Access, Bind, Endpoint, Limits
from mcpreg.errors import PolicyError, UsageError, VerificationError
from mcpreg.store.installed import Installed, InstalledStore
from mcpreg.usecases.plan import Surroundings, compile_plan

Make = Callable[..., Installed]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Put a record through the real store and open it again."""

    def build(
        sandbox: tuple[str, ...] = (),
        inputs: tuple[InputSpec, ...] = (),
        locked: tuple[str, ...] | None = None,
    ) -> Installed:
        store = InstalledStore(tmp_path / "data")
        lock = canonical.dumps({"sandbox": list(sandbox if locked is None else locked)})
        record = InstallRecord(
            name="io.github.acme/clock",
            version="1.0.0",
            registry="tiny",
            registry_url="https://tiny.example",
            installed_at="2026-11-01T00:00:00Z",
            lock=canonical.sha256(lock),
            manifest="sha256:" + "0" * 64,
            app="/somewhere/app",
            files="sha256:" + "0" * 64,
            entry=("python3", "/app/bin/clock"),
            runtime=RuntimeRecord(
                "python", "3.11", "/usr/bin/python3.11", (), (), {"PYTHONPATH": "/app"}
            ),
            sandbox=sandbox,
            inputs=inputs,
            limits=Limits(),
        )
        with store.writing():
            store.add(record, lock)
        return store.open("io.github.acme/clock")

    return build


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    for name in ("project/data", "home/notes"):
        (tmp_path / name).mkdir(parents=True)
    return Surroundings(
        cwd=str(tmp_path / "project"), home=str(tmp_path / "home"), environment={"SECRET": "s3"}
    )


def grants(installed: Installed, around: Surroundings) -> list[Bind]:
    return [bind for bind in compile_plan(installed, around).binds if bind.role == "grant"]


def test_nothing_declared_is_nothing_granted(make: Make, around: Surroundings) -> None:
    plan = compile_plan(make(), around)
    assert plan.egress == ()
    assert [bind.target for bind in plan.binds] == ["/app"]
    assert plan.env == {"PYTHONPATH": "/app"}
    assert plan.cwd == "/home/mcp"


def test_a_folder_below_the_working_folder_keeps_its_path(make: Make, around: Surroundings) -> None:
    installed = make(("fs:write:./data/**",))
    data = f"{around.cwd}/data"
    assert grants(installed, around) == [Bind(data, data, Access.WRITE)]
    assert compile_plan(installed, around).cwd == around.cwd


def test_a_folder_below_home_appears_below_the_sandbox_home(
    make: Make, around: Surroundings
) -> None:
    assert grants(make(("fs:read:~/notes/**",)), around) == [
        Bind(f"{around.home}/notes", "/home/mcp/notes", Access.READ)
    ]


def test_a_missing_folder_is_an_error_that_names_the_fix(make: Make, around: Surroundings) -> None:
    with pytest.raises(UsageError, match="does not exist") as refusal:
        compile_plan(make(("fs:write:./missing/**",)), around)
    assert refusal.value.hint == f"mkdir -p {around.cwd}/missing"


def test_a_folder_is_refused_where_one_file_is_declared(make: Make, around: Surroundings) -> None:
    with pytest.raises(PolicyError, match="allows one file"):
        compile_plan(make(("fs:read:./data",)), around)


DIRECTORY = InputSpec("positional", "directory", required=True, repeated=True)


def test_an_argument_grants_the_folder_the_person_names(make: Make, around: Surroundings) -> None:
    installed = make(("fs:write:{directory}/**",), (DIRECTORY,))
    plan = compile_plan(installed, around._replace(arguments=("data",)))
    data = f"{around.cwd}/data"
    assert plan.argv == ("python3", "/app/bin/clock", data)
    assert [(bind.source, bind.target) for bind in plan.binds if bind.role == "grant"] == [
        (data, data)
    ]


def test_a_repeated_argument_grants_each_folder(make: Make, around: Surroundings) -> None:
    installed = make(("fs:read:{directory}/**",), (DIRECTORY,))
    both = around._replace(arguments=("data", f"{around.home}/notes"))
    assert len(grants(installed, both)) == 2


def test_a_required_argument_is_asked_for_by_name(make: Make, around: Surroundings) -> None:
    with pytest.raises(UsageError, match="needs directory"):
        compile_plan(make(("fs:read:{directory}/**",), (DIRECTORY,)), around)


@pytest.mark.parametrize("path", ["//", "//proc", "//dev", "/etc", "/home", "/etc/passwd"])
def test_two_slashes_and_generated_files_are_no_way_around(
    make: Make, around: Surroundings, path: str
) -> None:
    for capability in ("fs:read:{directory}/**", "fs:read:{directory}"):
        with pytest.raises(PolicyError):
            compile_plan(make((capability,), (DIRECTORY,)), around._replace(arguments=(path,)))


@pytest.mark.parametrize("given", [{"value": "~/.ssh"}, {"default": "~/.ssh"}])
def test_the_publisher_cannot_choose_the_folder_you_choose(
    make: Make, around: Surroundings, given: dict[str, str]
) -> None:
    theirs = InputSpec("positional", "directory", **given)  # type: ignore[arg-type]  # both text
    assert grants(make(("fs:read:{directory}/**",), (theirs,)), around) == []
    hidden = InputSpec("named", "--directory", **given)  # type: ignore[arg-type]  # both text
    installed = make(("fs:read:{directory}/**",), (DIRECTORY, hidden))
    chosen = around._replace(arguments=("data",))
    assert [bind.source for bind in grants(installed, chosen)] == [f"{around.cwd}/data"]


def test_a_pattern_in_the_users_own_folder_name_opens_nothing_else(
    make: Make, around: Surroundings, tmp_path: Path
) -> None:
    for name in ("proj*", "project1"):
        (tmp_path / name / "data").mkdir(parents=True)
    here = around._replace(cwd=str(tmp_path / "proj*"))
    for capability in ("fs:write:./data/**", "fs:write:./d*/**"):
        assert [bind.source for bind in grants(make((capability,)), here)] == [
            str(tmp_path / "proj*/data")
        ]


def test_a_grant_for_an_argument_that_does_not_exist_is_refused(
    make: Make, around: Surroundings
) -> None:
    with pytest.raises(UsageError, match="takes no argument called x"):
        compile_plan(make(), around._replace(grants=("fs:read:{x}/**",)))


def test_a_pattern_without_matches_starts_in_the_private_home(
    make: Make, around: Surroundings
) -> None:
    plan = compile_plan(make(("fs:read:./*.csv",)), around)
    assert (plan.cwd, [b for b in plan.binds if b.role == "grant"]) == ("/home/mcp", [])


@pytest.mark.parametrize("path", ["/", "/usr", "/proc/self", "/dev/shm", "/app", "/tmp"])
def test_the_sandboxs_own_places_cannot_be_granted(
    make: Make, around: Surroundings, path: str
) -> None:
    with pytest.raises((PolicyError, UsageError)):
        compile_plan(
            make(("fs:write:{directory}/**",), (DIRECTORY,)), around._replace(arguments=(path,))
        )


def test_a_capability_beyond_the_lock_is_refused(make: Make, around: Surroundings) -> None:
    installed = make(("net:egress:evil.example:443",), locked=("net:none",))
    with pytest.raises(PolicyError, match=r"more than its lock grants: net:egress:evil\.example"):
        compile_plan(installed, around)


def test_a_grant_widens_one_run_and_lifts_net_none(make: Make, around: Surroundings) -> None:
    installed = make(("net:none",))
    wider = around._replace(grants=("net:egress:api.example.com:443",))
    assert compile_plan(installed, wider).egress == (Endpoint("api.example.com", 443),)
    assert compile_plan(installed, around).egress == ()


def test_a_host_variable_needs_a_capability(make: Make, around: Surroundings) -> None:
    spec = InputSpec("env", "SECRET", secret=True)
    assert "SECRET" not in compile_plan(make((), (spec,)), around).env
    assert compile_plan(make(("env:SECRET",), (spec,)), around).env["SECRET"] == "s3"


def test_a_missing_required_variable_is_named(make: Make, around: Surroundings) -> None:
    spec = InputSpec("env", "TOKEN", required=True, secret=True)
    with pytest.raises(UsageError, match=r"the server needs TOKEN \(a secret\)"):
        compile_plan(make(("env:TOKEN",), (spec,)), around)


def test_a_grant_inside_another_is_merged_or_refused(make: Make, around: Surroundings) -> None:
    (Path(around.cwd) / "data/inner").mkdir()
    covered = make(("fs:write:./data/**", "fs:read:./data/inner/**"))
    assert [bind.target for bind in grants(covered, around)] == [f"{around.cwd}/data"]
    nested = make(("fs:read:./data/**", "fs:write:./data/inner/**"))
    with pytest.raises(PolicyError, match="writable inside the read-only"):
        compile_plan(nested, around)


def test_a_glob_binds_each_match_and_skips_links(make: Make, around: Surroundings) -> None:
    for name in ("a.csv", "b.csv"):
        (Path(around.cwd) / name).touch()
    (Path(around.cwd) / "c.csv").symlink_to("/etc/passwd")
    targets = [bind.target for bind in grants(make(("fs:read:./*.csv",)), around)]
    assert targets == [f"{around.cwd}/a.csv", f"{around.cwd}/b.csv"]


def test_a_pattern_goes_through_no_link(make: Make, around: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "home/notes/a.csv").touch()
    (Path(around.cwd) / "data/b.csv").touch()
    (Path(around.cwd) / "elsewhere").symlink_to(tmp_path / "home/notes")
    sources = [bind.source for bind in grants(make(("fs:read:./*/*.csv",)), around)]
    assert sources == [f"{around.cwd}/data/b.csv"]


def test_a_pattern_below_an_argument_is_expanded_there(make: Make, around: Surroundings) -> None:
    for name in ("a.csv", "b.txt"):
        (Path(around.cwd) / "data" / name).touch()
    installed = make(("fs:read:{directory}/*.csv",), (DIRECTORY,))
    binds = grants(installed, around._replace(arguments=("data",)))
    assert [bind.source for bind in binds] == [f"{around.cwd}/data/a.csv"]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_home_written_with_a_slash_is_the_same_home(
    make: Make, around: Surroundings, end: str
) -> None:
    here = around._replace(home=around.home + end)
    assert [b.target for b in grants(make(("fs:read:~/notes/**",)), here)] == ["/home/mcp/notes"]


def test_named_and_extra_arguments_reach_the_server(make: Make, around: Surroundings) -> None:
    zone = InputSpec("named", "--zone", default="UTC")
    installed = make((), (zone,))
    assert compile_plan(installed, around).argv[2:] == ("--zone", "UTC")
    given = around._replace(arguments=("--zone=CET", "--verbose"))
    assert compile_plan(installed, given).argv[2:] == ("--zone", "CET", "--verbose")


def test_a_mount_of_an_image_appears_where_the_image_wants_it(
    make: Make, around: Surroundings
) -> None:
    folder = InputSpec("mount", "ws", required=True)
    mount = InputSpec("mount", "/workspace", value="{ws}", variables=(folder,))
    installed = make(("fs:read:{ws}/**",), (mount,))
    given = around._replace(inputs={"ws": ("data",)})
    assert grants(installed, given) == [Bind(f"{around.cwd}/data", "/workspace", Access.READ)]
    assert compile_plan(installed, given).argv == ("python3", "/app/bin/clock")
    assert grants(make((), (mount,)), given) == []  # no capability opens it
    covering = mount._replace(name="/usr/lib")
    with pytest.raises(PolicyError, match="would cover /usr/lib"):
        compile_plan(make(("fs:read:{ws}/**",), (covering,)), given)


def test_no_input_reads_the_environment_without_a_capability(
    make: Make, around: Surroundings
) -> None:
    thief = InputSpec(
        "env", "X", value="{SECRET}", variables=(InputSpec("env", "SECRET", required=True),)
    )
    argument = InputSpec("positional", "SECRET")
    assert compile_plan(make((), (argument,)), around).argv == ("python3", "/app/bin/clock")
    with pytest.raises(UsageError, match="needs SECRET"):
        compile_plan(make((), (thief,)), around)
    assert compile_plan(make(("env:SECRET",), (thief,)), around).env["X"] == "s3"


@pytest.mark.parametrize("which", ["records", "locks"])
def test_a_changed_record_or_lock_does_not_open(make: Make, tmp_path: Path, which: str) -> None:
    make()
    path = next((tmp_path / "data" / which).rglob("*.json"))
    path.write_bytes(path.read_bytes().replace(b"clock", b"clOck") + b" ")
    with pytest.raises(VerificationError, match="changed after it was installed"):
        InstalledStore(tmp_path / "data").open("io.github.acme/clock")
