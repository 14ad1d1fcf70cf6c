"""Allowed names and the loopback addresses that stand for them inside.

Each allowed host is pinned to one address of 127.66.0.0/16: where a connection was meant to go
can be read from the address it came in on, and TLS stays end to end. Subdomains of a wildcard are
pinned when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mcpreg.core.plan import Endpoint
from mcpreg.sandbox.packets import PINNED_NETWORK

MAX_ON_DEMAND = 128  # names below wildcards in one run: each takes a listener a port


class Pins:
    """The allow-list as the responder and the listeners see it. Mutable: wildcards grow it."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._ports: dict[str, set[int]] = {}
        self._wildcards: dict[str, set[int]] = {}
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for endpoint in endpoints:
            host = endpoint.host.lower()
            table = self._wildcards if host.startswith("*.") else self._ports
            table.setdefault(host.removeprefix("*"), set()).add(endpoint.port)
        for name in self._ports:
            self._pin(name)
        self._room = MAX_ON_DEMAND

    @property
    def addresses(self) -> Mapping[str, str]:
        """Name to pinned address, of every name pinned so far."""
        return self._addresses

    @property
    def sockets(self) -> tuple[list[tuple[str, int]], int]:
        """What the network namespace needs: every listener, in order, and how many spare ones."""
        listen = [address for name in self._addresses for address in self.listeners(name)]
        return listen, MAX_ON_DEMAND if self._wildcards else 0

    def listeners(self, name: str) -> list[tuple[str, int]]:
        """The addresses and ports to listen on for a pinned name."""
        return [(self._addresses[name], port) for port in sorted(self.ports(name))]

    def ports(self, name: str) -> set[int]:
        """The ports that `name` may be contacted on: its own and those of matching wildcards."""
        ports = set(self._ports.get(name, ()))
        for suffix, more in self._wildcards.items():
            # `.example.com`: something must stand before it, so the apex does not match.
            if name.endswith(suffix) and len(name) > len(suffix):
                ports |= more
        return ports

    def name_of(self, address: str) -> str | None:
        """The name that an address stands for."""
        return self._names.get(address)

    def allows(self, address: str, port: int | None) -> bool:
        """Whether a connection to a pinned address and port was declared."""
        name = self._names.get(address)
        return name is not None and port in self.ports(name)

    def add(self, name: str) -> bool:
        """Pin a name that a wildcard allows; False when there is no room left."""
        if self._room == 0:
            return False
        self._room -= 1
        self._pin(name)
        return True

    def _pin(self, name: str) -> None:
        address = str(PINNED_NETWORK[len(self._addresses) + 1])
        self._addresses[name] = address
        self._names[address] = name
