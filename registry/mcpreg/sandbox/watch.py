"""Noticing what tries to leave: every packet that is not for a declared host and port."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from mcpreg.sandbox import packets
from mcpreg.sandbox.interface import Violation
from mcpreg.sandbox.pins import Pins

_SOL_PACKET, _PACKET_STATISTICS = 263, 6


class PacketWatch:
    """Reads the packet socket. Denial is not its business: the packets go nowhere by themselves."""

    def __init__(
        self, capture: socket.socket, pins: Pins, violate: Callable[[Violation], None]
    ) -> None:
        self._capture = capture
        self._pins = pins
        self._violate = violate

    def read(self, _events: int = 0) -> None:
        """Look at every waiting packet, and at whether some were missed."""
        while True:
            try:
                packet = self._capture.recv(packets.SNAP_BYTES)
            except OSError:  # nothing more
                break
            self._judge(packets.parse(packet))
        statistics = self._capture.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        _, dropped = struct.unpack("II", statistics)
        if dropped:
            # Declared connections alone cannot overrun the buffer: hiding one packet behind
            # thousands is an attempt of its own.
            self._violate(Violation("flood", f"{dropped} packets unseen"))

    def _judge(self, destination: packets.Destination | None) -> None:
        if destination is None:
            self._violate(Violation("ip", "an unreadable packet"))
        elif destination.kind != "tcp" or not self._pins.allows(
            destination.address, destination.port
        ):
            name = self._pins.name_of(destination.address)
            shown = f"{name}:{destination.port}" if name else str(destination)
            self._violate(Violation(destination.kind, shown))
