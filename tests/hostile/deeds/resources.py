"""Taking more than one's share."""

from __future__ import annotations

import os
import signal
import time


def fork_many(count: int) -> int:
    children: list[int] = []
    try:
        for _ in range(count):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(children)


def hold_memory(megabytes: int, seconds: float) -> int:
    held: list[bytearray] = []
    try:
        for _ in range(megabytes // 4):
            block = bytearray(4 << 20)
            block[::4096] = b"x" * (len(block) // 4096)
            held.append(block)
    except MemoryError:
        pass  # holding what it has is bad enough
    time.sleep(seconds)
    return len(held) * 4


def hold_memory_when_told(megabytes: int) -> int:
    print("ready", flush=True)
    input()
    return hold_memory(megabytes, 30)


def flood(megabytes: int, marker: str) -> str:
    """One line that does not end, as fast as anybody takes it."""
    for _ in range(megabytes):
        block = memoryview(bytes(1 << 20))
        while block:
            block = block[os.write(1, block) :]
    os.close(os.open(marker, os.O_CREAT | os.O_WRONLY))
    return "\n"


def open_many(count: int) -> int:
    opened: list[int] = []
    try:
        opened.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(count))
        return len(opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def fork_and_wait(seconds: float) -> str:
    """A tree of three generations that would outlive its parents."""
    for _ in range(2):
        if os.fork() == 0:
            break
    else:
        print("ready", flush=True)
    time.sleep(seconds)
    return "woke"


def hold_in_children(children: int, megabytes: int, seconds: float = 0) -> int:
    pids: list[int] = []
    for _ in range(children):
        child = os.fork()
        if child == 0:
            hold_memory(megabytes, seconds)
            os._exit(0)
        pids.append(child)
    return sum(os.waitpid(pid, 0)[1] == 0 for pid in pids)
