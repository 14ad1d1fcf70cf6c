"""Which addresses an allowed name may lead to, and finding them.

A name is a promise about one host on the Internet. One that resolves to the machine's own
network (by mistake, or because its owner rebinds it) would turn the grant into a way past the
firewall, so only addresses that are global count, and the very address checked is connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from mcpreg.sandbox.interface import Resolver

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]

# Global by the IANA registries that `ipaddress` follows, or not listed there, and still a way
# into another network: translators and tunnels that carry an IPv4 address of their own choosing,
# relays, and cloud metadata that some providers put on routed addresses.
REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24",
        "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        "::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


def is_public(address: IPAddress) -> bool:
    """Whether it is a unicast address of the public Internet."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in REFUSED if network.version == address.version)


def resolve_public(host: str, port: int, *, lookup: Lookup | None = None) -> Sequence[str]:
    """Resolve and keep the public addresses, in the system's order of preference.

    Raises:
        OSError: the name does not resolve, or only to addresses that are refused.
    """
    found = (lookup or _system_lookup)(host, port)
    parsed = [ipaddress.ip_address(text) for text in dict.fromkeys(found)]
    public = [str(address) for address in parsed if is_public(address)]
    if not public:
        refused = ", ".join(str(address) for address in parsed[:4]) or "nothing"
        raise OSError(f"{host} resolves to {refused}, which is not a public address")
    return public


def _system_lookup(host: str, port: int) -> Sequence[str]:
    # A final dot: the name is complete, and no search domain of the host is appended.
    found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in found]


_: Resolver = resolve_public  # it is one, for the type checker to confirm
