"""A world in one network namespace, for deeds that the sandbox must deny: every address answers.

`outside_net.py DEED PARAMETERS HOSTS PORT...`: run under `unshare` with a network and a mount
namespace of its own. Prints the deed's line, then {"heard": [...]}: what listeners received.
HOSTS is JSON, name to address: what names resolve to here.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

heard: list[str] = []


def listen(family: socket.AddressFamily, kind: socket.SocketKind, port: int) -> None:
    server = socket.socket(family, kind)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(("", port))
    if kind == socket.SOCK_STREAM:
        server.listen()
    threading.Thread(target=answer, args=(server, kind), daemon=True).start()


def answer(server: socket.socket, kind: socket.SocketKind) -> None:
    while True:
        if kind == socket.SOCK_STREAM:
            client, _ = server.accept()
            heard.append(client.recv(64).decode())
            client.sendall(b"welcome")
            client.close()
            continue
        message, sender = server.recvfrom(512)
        heard.append(message.decode("latin-1"))
        server.sendto(b"welcome", sender)


def main() -> None:
    deed, parameters, hosts, *ports = sys.argv[1:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for version in ("-4", "-6"):
        route = ["ip", version, "route", "add", "local", "default", "dev", "lo"]
        subprocess.run(route, check=True)
    # A datagram's answer must come from the address it was sent to.
    subprocess.run(["ip", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in (
            ("hosts", [f"{address} {host}" for host, address in json.loads(hosts).items()]),
            ("resolv.conf", ["nameserver 127.0.0.53", "options timeout:1 attempts:1"]),
        ):
            file = Path(folder) / name
            file.write_text("\n".join(lines) + "\n")
            subprocess.run(["mount", "--bind", file, f"/etc/{name}"], check=True)
        for port in map(int, ports):
            for family in (socket.AF_INET, socket.AF_INET6):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    listen(family, kind, port)
        main_file = Path(__file__).parent / "deeds" / "main.py"
        subprocess.run([sys.executable, str(main_file), deed, parameters], check=True)
        print(json.dumps({"heard": heard}))


main()
