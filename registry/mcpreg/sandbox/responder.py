"""The resolver inside: it knows the declared names and nothing else, and asks nobody."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from mcpreg.sandbox import dns, inside
from mcpreg.sandbox.interface import Violation
from mcpreg.sandbox.loop import READ, Loop
from mcpreg.sandbox.pins import Pins

MAX_STREAMS = 16
_STREAM_BUFFER = 2 + dns.MAX_MESSAGE
# Libraries look up what their own address is called. Nothing is learnt from the question.
_OWN_REVERSE = r"(?:[0-9]{1,3}\.){3}127\.in-addr\.arpa|1\.(?:0\.){31}ip6\.arpa"
Violate = Callable[[Violation], None]


class Responder:
    """Answers A for pinned names; for any other name, NXDOMAIN and a violation."""

    def __init__(
        self, loop: Loop, pins: Pins, pin: Callable[[str], bool], violate: Violate
    ) -> None:
        self._loop = loop
        self._pins = pins
        self._pin = pin  # makes an allowed name reachable: called once a name
        self._violate = violate
        self._streams: dict[socket.socket, bytes] = {}

    def serve(self, udp: socket.socket, tcp: socket.socket) -> None:
        """Answer on both sockets from now on."""
        self._loop.watch(udp, READ, lambda _: self.read_datagrams(udp))
        self._loop.watch(tcp, READ, lambda _: self._accept(tcp))

    def read_datagrams(self, udp: socket.socket) -> None:
        """Answer every waiting datagram."""
        while True:
            try:
                message, sender = udp.recvfrom(dns.MAX_MESSAGE + 1)
            except OSError:  # nothing more, or an unreachable client's error
                return
            reply = self.reply(message)
            if reply is not None:
                try:
                    udp.sendto(reply, sender)
                except OSError:
                    continue  # the client's queue is full or it is gone: as if the answer was lost

    def reply(self, message: bytes) -> bytes | None:
        """The answer to one message; None for what is not a question."""
        question = dns.parse(message)
        if question is None:
            self._violate(Violation("dns", "a malformed question"))
            return None
        code, address = self._decide(question)
        return dns.answer(question, code, address)

    def _decide(self, question: dns.Question) -> tuple[int, str | None]:
        name = question.name
        if name is not None:
            if name == "localhost" or name.endswith(".localhost"):  # RFC 6761
                return dns.NO_ERROR, "127.0.0.1"
            if name == inside.HOSTNAME:
                return dns.NO_ERROR, "127.0.1.1"
            if re.fullmatch(_OWN_REVERSE, name):
                return dns.NO_SUCH_NAME, None
            if self._pins.ports(name):
                if name not in self._pins.addresses and not self._pin(name):
                    return dns.SERVER_FAILURE, None
                return dns.NO_ERROR, self._pins.addresses[name]
        self._violate(Violation("dns", question.shown))
        return dns.NO_SUCH_NAME, None

    def _accept(self, listener: socket.socket) -> None:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        if len(self._streams) >= MAX_STREAMS:
            stream.close()
            return
        stream.setblocking(False)
        self._streams[stream] = b""
        self._loop.watch(stream, READ, lambda _: self._read_stream(stream))

    def _read_stream(self, stream: socket.socket) -> None:
        """Messages with a two-byte length before each, RFC 7766."""
        try:
            part = stream.recv(_STREAM_BUFFER)
            text = self._streams[stream] + part
            while len(text) >= 2 and len(text) >= 2 + (length := int.from_bytes(text[:2], "big")):
                reply = self.reply(text[2 : 2 + length])
                text = text[2 + length :]
                if reply is not None:
                    stream.send(len(reply).to_bytes(2, "big") + reply)
        except BlockingIOError:
            return
        except OSError:
            part, text = b"", b""
        if part and len(text) <= _STREAM_BUFFER:
            self._streams[stream] = text
            return
        self._loop.watch(stream, 0, lambda _: None)
        del self._streams[stream]
        stream.close()
