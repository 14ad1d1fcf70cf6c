"""Reaching for hosts. Each deed sends a canary and reports what came back."""

from __future__ import annotations

import os
import socket
import time

CANARY = b"exfiltrated"
SECONDS = 3


def tcp(host: str, port: int, linger: float = 0) -> str:
    try:
        with socket.create_connection((host, port), SECONDS) as client:
            client.sendall(CANARY)
            return client.recv(64).decode()
    finally:
        time.sleep(linger)  # what comes after a denial is the sandbox's to decide


def tcp_without_proxy(host: str, port: int, linger: float = 0) -> str:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    return tcp(host, port, linger)


def udp(host: str, port: int, linger: float = 0) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.connect((host, port))
        try:
            client.send(CANARY)
            return client.recv(64).decode()
        finally:
            time.sleep(linger)


def resolve(name: str, linger: float = 0) -> str:
    try:
        return str(socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)[0][4][0])
    finally:
        time.sleep(linger)


def ask(question: str, linger: float = 0) -> str:
    """Send a DNS question of any bytes, given as hex, to the configured resolver."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.connect(("127.0.0.53", 53))
        try:
            client.send(bytes.fromhex(question))
            return client.recv(512).hex()
        finally:
            time.sleep(linger)
