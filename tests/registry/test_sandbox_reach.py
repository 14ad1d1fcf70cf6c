"""What the sandbox thinks of a path, before it looks at anything."""

from __future__ import annotations

import os
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.plan import Access, Bind, Plan
from mcpreg.sandbox.reach import Places, Reach
from mcpreg.sandbox.sensitive import IN_ANY_HOME, PLACES, is_sensitive

PROJECT = "/home/ada/project"
PLAN = Plan(
    name="io.github.acme/clock@1.0.0",
    argv=("/usr/bin/python3", "/app/main.py"),
    binds=(
        Bind("/srv/store/app", "/app", role="app"),
        Bind(PROJECT, PROJECT, Access.WRITE),
        Bind("/home/ada/.kube/config", "/home/ada/.kube/config"),
    ),
)
PLACES_OF_PLAN = Places(PLAN)


@pytest.mark.parametrize(
    ("path", "base", "reach"),
    [
        ("/app/pkg/mod.py", "/", Reach.OURS),
        ("/usr/lib/python3/os.py", "/", Reach.OURS),
        ("/tmp/x", "/", Reach.OURS),
        ("notes.txt", PROJECT, Reach.GRANTED),
        ("./sub/../notes.txt", PROJECT, Reach.GRANTED),
        (f"{PROJECT}/sub/../../secret.txt", "/", Reach.ESCAPE),
        ("../secret.txt", PROJECT, Reach.ESCAPE),
        ("../../../usr/lib/os-release", PROJECT, Reach.OURS),
        ("/app/../etc/shadow", "/", Reach.SENSITIVE),
        ("/proc/self/root/etc/shadow", "/", Reach.SENSITIVE),
        ("//etc//shadow", "/", Reach.SENSITIVE),
        ("/home/ada/.ssh/id_rsa", "/", Reach.SENSITIVE),
        ("/home/mcp/.ssh/id_rsa", "/", Reach.SENSITIVE),
        (".aws/config", "/home/mcp", Reach.SENSITIVE),
        ("/home/mcp/.netrc", "/", Reach.OURS),
        ("/home/ada/.netrc", "/", Reach.SENSITIVE),
        ("/etc/ssl/private/key.pem", "/", Reach.SENSITIVE),
        ("/home/ada/.kube/config", "/", Reach.GRANTED),
        ("/home/ada/.kube/cache", "/", Reach.SENSITIVE),
        ("/home/ada/projects/x", "/", Reach.ELSEWHERE),
        ("/opt/acme/libx.so.6", "/", Reach.OURS),
        ("/opt/acme/openssl/openssl.cnf", "/", Reach.OURS),
    ],
)
def test_tells_what_a_path_is(path: str, base: str, reach: Reach) -> None:
    assert PLACES_OF_PLAN.judge(path, base).reach is reach


@pytest.mark.parametrize("place", PLACES)
def test_knows_every_place_of_the_list_and_what_is_in_it(place: str) -> None:
    assert is_sensitive(place)
    assert is_sensitive(f"{place}/x")
    assert not is_sensitive(f"{place}x")


@pytest.mark.parametrize("name", IN_ANY_HOME)
def test_knows_a_secret_in_whosever_home(name: str) -> None:
    assert is_sensitive(f"/Users/ada/{name}")
    assert is_sensitive(f"/home/mcp/{name}/x")
    assert not is_sensitive(f"/home/ada/x{name}")


_PARTS = st.sampled_from(
    ["", ".", "..", "home", "ada", "project", "app", "usr", "etc", "shadow", ".ssh", "tmp", "x"]
)


@given(parts=st.lists(_PARTS, max_size=8), base=st.sampled_from(["/", PROJECT, "/app", "/tmp"]))
def test_no_spelling_makes_a_path_outside_look_granted(parts: list[str], base: str) -> None:
    """Against the plain rule: what the kernel would walk to without links, and nothing else."""
    path = "/".join(parts) or "."
    reached = PLACES_OF_PLAN.judge(path, base)
    walked = posixpath.normpath("/" + posixpath.join(base, path).lstrip("/"))
    assert reached.path == walked
    inside = walked == PROJECT or walked.startswith(PROJECT + "/")
    assert (reached.reach is Reach.GRANTED) == inside
    if is_sensitive(walked) and reached.reach is Reach.OURS:
        assert walked.startswith(("/usr/", "/app/"))


@given(parts=st.lists(_PARTS, min_size=1, max_size=8))
def test_the_quick_answer_is_never_another_than_the_slow_one(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    if PLACES_OF_PLAN.is_own_code(os.fsencode(path)):
        assert PLACES_OF_PLAN.judge(path, "/").reach is Reach.OURS
