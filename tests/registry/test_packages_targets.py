"""Each platform gets the one wheel that fits it best, whatever this machine is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.errors import McpregError
from mcpreg.packages.pylock import read_pins
from mcpreg.packages.targets import TARGETS, Target, best_wheel

INTEL = Target("3.12", "x86_64")
ARM = Target("3.12", "aarch64")

BEST_FIRST = [
    "x-1-cp312-cp312-manylinux_2_28_x86_64.whl",
    "x-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "x-1-cp312-cp312-linux_x86_64.whl",
    "x-1-cp312-abi3-manylinux_2_17_x86_64.whl",
    "x-1-cp38-abi3-manylinux1_x86_64.whl",
    "x-1-cp312-none-any.whl",
    "x-1-py3-none-any.whl",
    "x-1-py2.py3-none-any.whl",
]
UNFIT = [
    "x-1-cp312-cp312-manylinux_2_34_x86_64.whl",
    "x-1-cp312-cp312-manylinux_2_28_aarch64.whl",
    "x-1-cp312-cp312-musllinux_1_2_x86_64.whl",
    "x-1-cp313-cp313-manylinux_2_17_x86_64.whl",
    "x-1-cp313-abi3-manylinux_2_17_x86_64.whl",
    "x-1-cp312-cp312t-manylinux_2_17_x86_64.whl",
    "x-1-cp312-cp312-macosx_11_0_x86_64.whl",
    "x-1-cp312-cp312-win_amd64.whl",
]


@pytest.mark.parametrize("place", range(len(BEST_FIRST) - 1))
def test_prefers_the_wheel_made_for_the_platform(place: int) -> None:
    rest = BEST_FIRST[place:]
    assert best_wheel([*UNFIT, *reversed(rest)], INTEL) in rest[: 1 if place < 6 else 2]


@pytest.mark.parametrize("filename", UNFIT)
def test_never_takes_a_wheel_for_another_platform(filename: str) -> None:
    assert best_wheel([filename], INTEL) is None


def test_names_older_than_numbered_platforms_count_on_arm_too() -> None:
    assert best_wheel(["x-1-cp312-cp312-manylinux2014_aarch64.whl"], ARM)
    assert best_wheel(["x-1-cp312-cp312-manylinux2010_x86_64.whl"], ARM) is None


def test_takes_the_higher_build_number() -> None:
    names = ["x-1-1-py3-none-any.whl", "x-1-10-py3-none-any.whl", "x-1-2-py3-none-any.whl"]
    assert best_wheel(names, INTEL) == "x-1-10-py3-none-any.whl"


@given(st.lists(st.sampled_from(BEST_FIRST + UNFIT), unique=True), st.randoms())
def test_the_order_in_the_index_does_not_matter(names: list[str], shuffle: random.Random) -> None:
    first = best_wheel(names, INTEL)
    shuffle.shuffle(names)
    assert best_wheel(names, INTEL) == first


def test_markers_are_read_for_the_target() -> None:
    assert INTEL.accepts(None)
    assert INTEL.accepts("sys_platform == 'linux' and python_version >= '3.12'")
    assert INTEL.accepts("platform_machine == 'x86_64' and implementation_name != 'pypy'")
    assert not ARM.accepts("platform_machine == 'x86_64'")
    assert not INTEL.accepts("sys_platform == 'win32' or extra == 'test'")


def test_every_target_has_its_own_name() -> None:
    assert len({str(target) for target in TARGETS}) == 8
    assert str(INTEL) == "linux-x86_64-cp312"


SHA = "0" * 64
WHEEL = f'{{ url = "x/acme_x-1.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}'


def pins(tmp_path: Path, text: str) -> tuple[tuple[str, str, str], ...]:
    path = tmp_path / "pylock.toml"
    path.write_text(text)
    return read_pins(path, INTEL)


def lock_text(extra: str = "", wheel: str = WHEEL) -> str:
    return f'[[packages]]\nname = "acme-x"\nversion = "1.0"\n{extra}\nwheels = [{wheel}]\n'


def test_reads_one_pin_and_leaves_out_what_the_target_does_not_need(tmp_path: Path) -> None:
    assert pins(tmp_path, lock_text()) == (("acme-x", "1.0", SHA),)
    assert pins(tmp_path, lock_text("marker = \"sys_platform == 'win32'\"")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "packages = 3",
        "",
        lock_text('vcs = { type = "git", url = "https://evil.test/x" }'),
        lock_text('directory = { path = "../x" }'),
        lock_text('archive = { url = "https://evil.test/x.tar.gz" }'),
        lock_text(wheel=WHEEL.replace("acme_x-1.0", "other-1.0")),
        lock_text(wheel=WHEEL.replace("acme_x-1.0", "acme_x-2.0")),
        lock_text(wheel=WHEEL.replace(".whl", ".tar.gz")),
        lock_text(wheel=WHEEL.replace("sha256", "md5")),
        lock_text(wheel=WHEEL.replace(SHA, "../../etc")),
        lock_text(wheel=""),
        lock_text().replace("acme-x", "../acme"),
    ],
)
def test_refuses_an_answer_that_pins_nothing(text: str, tmp_path: Path) -> None:
    with pytest.raises(McpregError):
        pins(tmp_path, text)
