"""A name server on loopback: TXT questions over UDP, and over TCP when the answer is long."""

from __future__ import annotations

import json
import socketserver
import struct
import threading
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

_UDP_BYTES = 512  # longer answers are cut, as RFC 1035 has it, and asked for again over TCP


@dataclass
class NameServer:
    """`records` maps a name to its lines; None is a failure, [] a name without TXT records."""

    records: dict[str, list[str] | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over_tcp: int = 0

    def __enter__(self) -> NameServer:
        outer = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                reply = outer.answer(data)
                if len(reply.to_wire()) > _UDP_BYTES:
                    reply = dns.message.make_response(dns.message.from_wire(data))
                    reply.flags |= dns.flags.TC
                socket.sendto(reply.to_wire(), self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack("!H", self.rfile.read(2))
                wire = outer.answer(self.rfile.read(length)).to_wire()
                outer.over_tcp += 1
                self.wfile.write(struct.pack("!H", len(wire)) + wire)

        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream)
        port = self._tcp.server_address[1]
        self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", port), Datagram)
        for server in (self._tcp, self._udp):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"127.0.0.1:{port}"
        return self

    def answer(self, data: bytes) -> dns.message.Message:
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        reply = dns.message.make_response(question)
        lines = self.records.get(name, [])
        if lines is None:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif lines:
            texts = [json.dumps(line) for line in lines]
            found = dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts)
            reply.answer.append(found)
        return reply

    def __exit__(self, *_: object) -> None:
        for server in (self._tcp, self._udp):
            server.shutdown()
            server.server_close()
