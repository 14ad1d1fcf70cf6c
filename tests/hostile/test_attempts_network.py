"""Attempts on the network: notes/sandbox.md 42-57. Denied, recorded, killed.

Outside, each runs in a network namespace where every address answers, so that the deed succeeds
without a packet leaving the machine. Inside it runs twice: once with `deny`, to see the errno,
and once as everybody runs it, to see it killed and what was recorded.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcpreg.core.plan import Bind

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox

ALLOWED = ("api.example.test", 443)
CANARY = "exfiltrated"


@dataclass(frozen=True)
class Attempt:
    """A deed of `deeds/network.py`, how it is denied, and what is recorded of it."""

    number: int
    sentence: str
    deed: str
    host: str
    port: int
    denial: str
    recorded: tuple[str, str]


ATTEMPTS = [
    Attempt(42, "an undeclared host", "tcp", "evil.test", 443, "gaierror -2",
            ("dns", "evil.test")),
    Attempt(43, "an IPv4 address", "tcp", "1.2.3.4", 4444, "ECONNREFUSED",
            ("tcp", "1.2.3.4:4444")),
    Attempt(43, "an address on an allowed port", "tcp", "1.2.3.4", 443, "ECONNREFUSED",
            ("tcp", "1.2.3.4:443")),
    Attempt(44, "an IPv6 address", "tcp", "2001:db8::1", 4444, "ECONNREFUSED",
            ("tcp", "[2001:db8::1]:4444")),
    Attempt(44, "IPv4 in IPv6", "tcp", "::ffff:1.2.3.4", 4444, "ECONNREFUSED",
            ("tcp", "1.2.3.4:4444")),
    Attempt(45, "the metadata address", "tcp", "169.254.169.254", 80, "ECONNREFUSED",
            ("tcp", "169.254.169.254:80")),
    Attempt(46, "the wrong port", "tcp", "api.example.test", 22, "ECONNREFUSED",
            ("tcp", "api.example.test:22")),
    Attempt(46, "UDP on an allowed port", "udp", "api.example.test", 443, "ECONNREFUSED",
            ("udp", "api.example.test:443")),
    Attempt(47, "a datagram to a resolver", "udp", "8.8.8.8", 53, "ECONNREFUSED",
            ("udp", "8.8.8.8:53")),
    Attempt(47, "a datagram over IPv6", "udp", "2001:db8::1", 53, "ECONNREFUSED",
            ("udp", "[2001:db8::1]:53")),
    Attempt(48, "data in a DNS label", "tcp", "c2vjcmv0.evil.test", 443, "gaierror -2",
            ("dns", "c2vjcmv0.evil.test")),
    Attempt(49, "after unsetting proxy variables", "tcp_without_proxy", "1.2.3.4", 443,
            "ECONNREFUSED", ("tcp", "1.2.3.4:443")),
]  # fmt: skip


@pytest.fixture
def every_address_answers(world: World) -> None:
    if shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        pytest.skip("making the outside needs ip: apt-get install iproute2")
    can = subprocess.run([*world.without_network(), "true"], capture_output=True, check=False)
    if can.returncode:
        pytest.skip("making the outside needs a network namespace, which is refused here")


def outside(world: World, attempt: Attempt) -> list[str]:
    """Do it in a world where it works; what the other end heard."""
    addressed = attempt.host.replace(".", "").isdigit() or ":" in attempt.host
    hosts = {} if addressed else {attempt.host: "1.2.3.4"}
    parameters = {"host": attempt.host, "port": attempt.port}
    script = [world.python, str(world.code / "outside_net.py")]
    deed = [f"network.{attempt.deed}", json.dumps(parameters), json.dumps(hosts)]
    done = subprocess.run(
        [*world.without_network(), *script, *deed, str(attempt.port)],
        env=world.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    first, second = done.stdout.splitlines()
    assert json.loads(first) == {"did": "welcome"}
    heard: list[str] = json.loads(second)["heard"]
    return heard


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda a: f"{a.number}: {a.sentence}")
def test_denies_records_and_kills(
    attempt: Attempt, world: World, every_address_answers: None
) -> None:
    assert outside(world, attempt) == [CANARY]
    parameters = {"host": attempt.host, "port": attempt.port}
    plan = world.plan(f"network.{attempt.deed}", parameters)
    plan = plan._replace(**world.egress(ALLOWED))
    denied = world.launch(plan, options={"deny": True})
    assert denied.refused == attempt.denial
    assert attempt.recorded in denied.violations
    plan = world.plan(f"network.{attempt.deed}", {**parameters, "linger": 10})
    killed = world.launch(plan._replace(**world.egress(ALLOWED)))
    assert killed.code == 6, killed
    assert killed.did_nothing_more
    assert killed.violations == [attempt.recorded]
    assert killed.events[-1]["action"] == "killed"


def test_attempt_56_an_empty_allow_list_allows_nothing(world: World) -> None:
    for host in ("api.example.test", "127.66.0.1"):
        killed = world.inside("network.tcp", host=host, port=443, linger=10)
        assert killed.code == 6
        assert len(killed.violations) == 1


@contextmanager
def listener(
    family: socket.AddressFamily, address: str | tuple[str, int]
) -> Iterator[socket.socket]:
    """A real listener on this machine that greets whoever comes."""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()

        def greet() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(b"welcome")

        threading.Thread(target=greet, daemon=True).start()
        yield server
        server.shutdown(socket.SHUT_RDWR)


def test_attempt_50_the_hosts_loopback_is_another_one(world: World) -> None:
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert world.outside("network.tcp", host="127.0.0.1", port=port).did == "welcome"
        inside = world.inside("network.tcp", host="127.0.0.1", port=port)
    assert inside.refused == "ECONNREFUSED"
    assert inside.violations == []  # its own loopback is its own to use


def test_attempt_51_denies_abstract_sockets(world: World) -> None:
    name = f"mcpreg-test-{world.folder.name}"
    with listener(socket.AF_UNIX, "\0" + name):
        assert world.outside("files.connect", path="@" + name).did == "welcome"
        assert world.inside("files.connect", path="@" + name).refused == "EAFNOSUPPORT"


def test_attempt_52_denies_the_ssh_agent(world: World) -> None:
    path = str(world.home / "agent")
    variable = {"SSH_AUTH_SOCK": path}
    with listener(socket.AF_UNIX, path):
        Path(path).chmod(0o666)
        outside = world.outside(
            "files.connect_to_variable", env=variable, name="SSH_AUTH_SOCK", fallback="/nowhere"
        )
        assert outside.did == "welcome"
        told = world.launch(world.plan("process.variables", {"names": [*variable]}), env=variable)
        assert told.did == []
        # A server may guess what it is not told.
        guess = {"name": "SSH_AUTH_SOCK", "fallback": path}
        plan = world.plan("files.connect_to_variable", guess)
        assert world.launch(plan, env=variable).refused == "EAFNOSUPPORT"
        assert world.inside("files.look", path=path).refused == "ENOENT"


def test_attempts_15_and_53_deny_a_socket_inside_a_grant(world: World) -> None:
    path = str(world.project / "docker.sock")
    with listener(socket.AF_UNIX, path):
        Path(path).chmod(0o666)
        assert world.outside("files.connect", path=path).did == "welcome"
        assert world.inside("files.look", path=path).did  # it is in the granted folder
        assert world.inside("files.connect", path=path).refused == "EAFNOSUPPORT"


def test_attempt_53_refuses_to_grant_a_socket(world: World) -> None:
    path = str(world.home / "docker.sock")
    with listener(socket.AF_UNIX, path):
        Path(path).chmod(0o666)
        assert world.outside("files.connect", path=path).did == "welcome"
        plan = world.plan("files.connect", {"path": path})
        refused = world.launch(plan._replace(binds=(*plan.binds, Bind(path, "/run/docker.sock"))))
    assert refused.code == 1
    assert "neither a file nor a folder" in refused.stderr


QUESTIONS = [
    ("a NUL in the name", "036170690765786d70006c650474657374", False),
    ("a dot in a label", "0f6170692e6578616d706c652e746573", False),
    ("case", "03415049074578616d706c650454455354", True),
    ("the declared name", "03617069076578616d706c650474657374", True),
    ("a name before it", "017803617069076578616d706c650474657374", False),
]


@pytest.mark.parametrize(
    ("name", "allowed"), [(q[1], q[2]) for q in QUESTIONS], ids=[q[0] for q in QUESTIONS]
)
def test_attempt_54_matches_names_exactly(name: str, allowed: bool, world: World) -> None:
    question = f"123401000001000000000000{name}0000010001"
    plan = world.plan(
        "network.ask", {"question": question, "linger": 0 if allowed else 10}
    )._replace(
        **world.egress(ALLOWED),
    )
    result = world.launch(plan)
    if allowed:
        assert bytes.fromhex(result.did)[-4:] == socket.inet_aton("127.66.0.1")
        assert result.violations == []
    else:
        assert result.code == 6
        assert [kind for kind, _ in result.violations] == ["dns"]


@pytest.mark.parametrize("name", ["api.example.test", "API.Example.TEST", "api.example.test."])
def test_attempt_54_resolves_every_spelling_of_the_declared_name(name: str, world: World) -> None:
    plan = world.plan("network.resolve", {"name": name})._replace(**world.egress(ALLOWED))
    assert world.launch(plan).did == "127.66.0.1"


def test_an_allowed_host_is_reached_and_recorded(world: World) -> None:
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as server:
        host, port = "api.example.test", server.getsockname()[1]
        plan = world.plan("network.tcp", {"host": host, "port": port})
        plan = plan._replace(**world.egress((host, port)))
        result = world.launch(plan, options={"resolve": {host: "127.0.0.1"}})
    assert result.did == "welcome"
    recorded = [e for e in result.events if e["event"].startswith("egress")]
    assert [e["event"] for e in recorded] == ["egress", "egress-end"]
    assert (recorded[0]["host"], recorded[0]["address"]) == (host, "127.0.0.1")
    assert (recorded[1]["sent"], recorded[1]["received"]) == (len(CANARY), len("welcome"))


def test_a_wildcard_allows_subdomains_and_not_the_apex(world: World) -> None:
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        allow = world.egress(("*.example.test", port))
        deep = {"host": "a.b.example.test", "port": port}
        plan = world.plan("network.tcp", deep)._replace(**allow)
        resolve = {"a.b.example.test": "127.0.0.1"}
        assert world.launch(plan, options={"resolve": resolve}).did == "welcome"
    plan = world.plan("network.tcp", {"host": "example.test", "port": port, "linger": 10})
    apex = world.launch(plan._replace(**allow))
    assert (apex.code, apex.violations) == (6, [("dns", "example.test")])


def test_attempt_55_refuses_an_allowed_name_that_leads_to_a_private_address(world: World) -> None:
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as server:
        host, port = "api.example.test", server.getsockname()[1]
        assert world.outside("network.tcp", host="127.0.0.1", port=port).did == "welcome"
        plan = world.plan("network.tcp", {"host": host, "port": port})
        plan = plan._replace(**world.egress((host, port)))
        result = world.launch(plan, options={"resolve": {host: "public:127.0.0.1"}})
    assert result.refused == "ECONNRESET"
    refused = [e for e in result.events if e["event"] == "egress-refused"]
    assert "127.0.0.1, which is not a public address" in refused[0]["reason"]
