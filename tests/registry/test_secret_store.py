"""Secrets lie in the keyring or in a file of one's own, and nowhere else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keyrings_of_tests import MemoryKeyring
from mcpreg.errors import McpregError, PolicyError, UsageError, VerificationError
from mcpreg.store.secrets import MAX_SECRET_BYTES, SecretStore

SERVER = "io.github.acme/clock"
SECRET = "canary-\u00e4\n-line two"
WITHOUT = MemoryKeyring(locked=True)


def on_file(config: Path) -> SecretStore:
    return SecretStore(config, WITHOUT)


def test_keeps_in_the_keyring_and_no_value_in_the_file(tmp_path: Path) -> None:
    keyring = MemoryKeyring()
    store = SecretStore(tmp_path, keyring)
    kept = store.set("input", SERVER, "API_KEY", SECRET)
    assert (kept.place, kept.words) == ("keyring", "the keyring (memory)")
    assert SecretStore(tmp_path, keyring).get("input", SERVER, "API_KEY") == SECRET
    assert b"canary" not in (tmp_path / "secrets.json").read_bytes()
    assert store.names("input", SERVER) == {"API_KEY": "keyring"}
    assert store.delete("input", SERVER, "API_KEY")
    assert not keyring.entries
    assert store.get("input", SERVER, "API_KEY") is None


def test_falls_back_to_a_file_for_the_owner_alone_and_says_so(tmp_path: Path) -> None:
    store = on_file(tmp_path / "config")
    kept = store.set("input", SERVER, "API_KEY", SECRET)
    path = tmp_path / "config" / "secrets.json"
    assert kept.place == "file"
    assert str(path) in kept.words
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert store.get("input", SERVER, "API_KEY") == SECRET
    assert store.get("token", SERVER, "API_KEY") is None
    assert store.get("input", "io.github.acme/other", "API_KEY") is None


def test_a_keyring_locked_since_is_named_and_nothing_older_is_found(tmp_path: Path) -> None:
    keyring = MemoryKeyring(locked=True)
    store = SecretStore(tmp_path, keyring)
    store.set("input", SERVER, "API_KEY", "old")
    keyring.locked = False
    store.set("input", SERVER, "API_KEY", "new")
    keyring.locked = True
    with pytest.raises(McpregError, match=r"API_KEY of .* lies in the keyring"):
        store.get("input", SERVER, "API_KEY")
    with pytest.raises(McpregError, match="lies in the keyring"):
        store.delete("input", SERVER, "API_KEY")
    assert store.names("input", SERVER) == {"API_KEY": "keyring"}
    assert store.set("input", SERVER, "API_KEY", "newer").place == "file"
    assert store.get("input", SERVER, "API_KEY") == "newer"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_refuses_a_file_that_others_can_use(tmp_path: Path, mode: int) -> None:
    store = on_file(tmp_path)
    store.set("input", SERVER, "API_KEY", SECRET)
    (tmp_path / "secrets.json").chmod(mode)
    for deed in (
        lambda: store.get("input", SERVER, "API_KEY"),
        lambda: store.set("input", SERVER, "OTHER", "x"),
        lambda: store.names("input", SERVER),
    ):
        with pytest.raises(PolicyError, match="can be used by others") as caught:
            deed()
        assert "chmod 600" in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_refuses_a_file_of_somebody_else(tmp_path: Path) -> None:
    store = on_file(tmp_path)
    store.set("input", SERVER, "API_KEY", SECRET)
    os.chown(tmp_path / "secrets.json", 65534, -1)
    with pytest.raises(PolicyError, match="belongs to user 65534"):
        store.get("input", SERVER, "API_KEY")


def test_refuses_a_link_and_what_is_no_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    elsewhere.chmod(0o600)
    (tmp_path / "secrets.json").symlink_to(elsewhere)
    with pytest.raises(PolicyError, match="plain file"):
        on_file(tmp_path).get("input", SERVER, "API_KEY")
    (tmp_path / "secrets.json").unlink()
    os.mkfifo(tmp_path / "secrets.json", 0o600)
    with pytest.raises(PolicyError, match="plain file"):
        on_file(tmp_path).get("input", SERVER, "API_KEY")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "secrets": {}}', '{"version": 1, "secrets": {"a": 1}}']
)
def test_a_damaged_file_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text + " canary")
    path.chmod(0o600)
    with pytest.raises(VerificationError, match="is damaged") as caught:
        on_file(tmp_path).get("input", SERVER, "API_KEY")
    assert "canary" not in repr(caught.value) + repr(caught.value.__cause__)
    assert path.read_text() == text + " canary"


def test_refuses_values_that_cannot_be_kept(tmp_path: Path) -> None:
    store = on_file(tmp_path)
    for value, why in (
        ("a\0b", "NUL"),
        ("\udc80", "UTF-8"),
        ("x" * (MAX_SECRET_BYTES + 1), "at most"),
    ):
        with pytest.raises(UsageError, match=why):
            store.set("input", SERVER, "API_KEY", value)
    assert not (tmp_path / "secrets.json").exists()


_MANY = """
import sys
from pathlib import Path
from mcpreg.store.secrets import SecretStore
for number in range(10):
    store = SecretStore(Path(sys.argv[1]))
    store.set("input", "io.github.acme/clock", f"{sys.argv[2]}{number}", "x")
"""


def test_writers_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    writers = [
        subprocess.Popen([sys.executable, "-c", _MANY, str(tmp_path), word], env=environment)
        for word in "abcd"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert len(on_file(tmp_path).names("input", SERVER)) == 40


_SCRIPT = """
import sys
from pathlib import Path
from mcpreg.store.secrets import SecretStore
store = SecretStore(Path(sys.argv[1]))
value = sys.stdin.read()
if value:
    print(store.set("input", "a/b", "KEY", value).place)
else:
    print(store.get("input", "a/b", "KEY"))
"""


def by_library(config: Path, backend: str, value: str = "") -> subprocess.CompletedProcess[str]:
    support = Path(__file__).parent.parent / "support"
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(config)],
        env={
            **os.environ,
            "PYTHONPATH": str(support),
            "PYTHON_KEYRING_BACKEND": backend,
            "MCPREG_TEST_KEYRING": str(config / "keyring.json"),
        },
        input=value,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_library_s_backend_is_used_and_its_words_are_not_repeated(tmp_path: Path) -> None:
    backend = "keyrings_of_tests.FileKeyring"
    assert by_library(tmp_path, backend, "canary").stdout == "keyring\n"
    assert json.loads((tmp_path / "keyring.json").read_text()) == {"mcpreg/input a/b KEY": "canary"}
    assert by_library(tmp_path, backend).stdout == "canary\n"
    (tmp_path / "locked").touch()
    locked = by_library(tmp_path, backend)
    assert locked.returncode != 0
    assert "KeyringLocked" in locked.stderr
    assert "canary" not in locked.stderr


@pytest.mark.parametrize(
    "backend",
    ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", "no.such.Keyring"],
)
def test_a_backend_that_keeps_nothing_is_not_believed(tmp_path: Path, backend: str) -> None:
    assert by_library(tmp_path, backend, "canary").stdout == "file\n"
    assert by_library(tmp_path, backend).stdout == "canary\n"
