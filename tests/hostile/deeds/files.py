"""Reaching for files."""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import time
from pathlib import Path


def read(path: str) -> str:
    return Path(path).read_text(errors="replace")


def look(path: str) -> int:
    return Path(path).stat().st_ino


def open_for_writing(path: str) -> str:
    os.close(os.open(path, os.O_WRONLY))
    return path


def create(folder: str) -> str:
    path = Path(folder) / "mcpreg-canary"
    path.touch(exist_ok=False)
    path.unlink()
    return folder


def append(path: str) -> int:
    with Path(path).open("a") as stream:
        return stream.write("more\n")


def follow_planted_link(folder: str, secret: str) -> str:
    link = Path(folder) / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    return link.read_text()


def plant_link(link: str, target: str) -> str:
    Path(link).symlink_to(target)
    return link


def hard_link(source: str, folder: str) -> str:
    target = Path(folder) / "hard-link"
    target.hardlink_to(source)
    target.unlink()
    return folder


def make_device(path: str) -> str:
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    Path(path).unlink()
    return path


def make_setuid(path: str) -> int:
    file = Path(path)
    file.touch()
    try:
        file.chmod(0o4755)
        return stat.S_IMODE(file.stat().st_mode)
    finally:
        file.unlink()


def create_setuid(path: str) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o4700)
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    os.close(descriptor)
    Path(path).unlink()
    return mode


def connect(path: str) -> str:
    """Connect to a Unix socket; a path that starts with @ is abstract."""
    name = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)
        return client.recv(64).decode()


def send_to(path: str) -> int:
    """A datagram from a socket that was made as one of a pair."""
    ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return ours.sendto(b"exfiltrated", path)


def read_hidden(path: str) -> str:
    """Read, having made this process one that others of the same user may not look into."""
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    return read(path)


def make_many(folder: str, count: int, seconds: float = 0) -> int:
    """Empty files: they take no space that a size limits."""
    made = 0
    try:
        for number in range(count):
            os.close(os.open(f"{folder}/empty-{number}", os.O_CREAT | os.O_WRONLY))
            made += 1
        time.sleep(seconds)
    finally:
        for number in range(made):
            Path(f"{folder}/empty-{number}").unlink()
    return made


def connect_to_variable(name: str, fallback: str) -> str:
    return connect(os.environ.get(name, fallback))


def fill(folder: str, megabytes: int) -> int:
    path = Path(folder) / "filler"
    block = bytes(1 << 20)
    try:
        with path.open("wb", buffering=0) as stream:
            for _ in range(megabytes):
                stream.write(block)
        return path.stat().st_size
    finally:
        path.unlink(missing_ok=True)


def read_from(folder: str, path: str) -> str:
    os.chdir(folder)
    return Path(path).read_text(errors="replace")


def read_at(folder: str, path: str) -> str:
    """`path` without its leading slash, by a descriptor of `folder`."""
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with os.fdopen(os.open(path.lstrip("/"), os.O_RDONLY, dir_fd=top)) as stream:
        return stream.read()


def read_twice(path: str) -> str:
    try:
        read(path)
    except FileNotFoundError:
        return read(path)
    return read(path)


def follow_planted_folder(folder: str, outside: str, name: str) -> str:
    link = Path(folder) / "folder"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    return (link / name).read_text()


def write_and_read(path: str) -> str:
    file = Path(path)
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    return file.read_text()


def look_for_many(folder: str, count: int) -> int:
    missing = 0
    for number in range(count):
        try:
            read(f"{folder}/missing-{number}")
        except FileNotFoundError:
            missing += 1
    return missing
