"""Who holds a namespace: real DNS queries, real TLS, and GitHub's API played on loopback."""

from __future__ import annotations

import datetime
import http.server
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mcpreg.checks.case import Submitter
from mcpreg.core.evidence import Missing, NamespaceProof
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner
from mcpreg.evidence.namespace import Places, namespace
from mcpreg.evidence.web import Web, WebError, get

ACME = Submitter("acme", 7)
DOMAIN = "com.example/clock"


@dataclass
class NameServer:
    """Answers TXT questions over UDP; `records` maps a name to its lines, None to a failure."""

    records: dict[str, list[str] | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> NameServer:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                socket.sendto(outer.answer(data), self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        return self

    def answer(self, data: bytes) -> bytes:
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        reply = dns.message.make_response(question)
        lines = self.records.get(name, [])
        if lines is None:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif lines:
            texts = [json.dumps(line) for line in lines]
            reply.answer.append(
                dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts)
            )
        return reply.to_wire()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for every name that these tests use."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "double")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("example.com"), x509.DNSName("api.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "double.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


@dataclass
class Site:
    """Serves `pages` (path to status and body) over TLS, whatever name it is asked by."""

    certificate: Path
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __enter__(self) -> Site:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                status, body = outer.pages.get(self.path, (404, b""))
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]
        return self

    def web(self) -> Web:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return Web(lookup=lambda *_: ["127.0.0.1"], tls=trust, private=True)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(certificate: Path) -> Iterator[Site]:
    with Site(certificate) as found:
        yield found


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as found:
        yield found


def github(site: Site, **pages: tuple[int, object]) -> Places:
    for path, (status, body) in pages.items():
        site.pages["/" + path.replace("__", "/")] = (status, json.dumps(body).encode())
    return Places(github=f"https://api.example:{site.port}", web=site.web())


def proof(found: NamespaceProof | Missing) -> NamespaceProof:
    assert isinstance(found, NamespaceProof)
    return found


def test_the_account_itself_holds_its_namespace(site: Site) -> None:
    places = github(site, users__acme=(200, {"id": 7, "type": "User"}))
    found = proof(namespace("io.github.acme/clock", ACME, None, places))
    assert (found.method, found.holder, found.github_id) == ("github", "acme", 7)


def test_a_login_that_was_registered_again_holds_nothing(site: Site) -> None:
    places = github(site, users__acme=(200, {"id": 8, "type": "User"}))
    assert proof(namespace("io.github.acme/clock", ACME, None, places)).method == "none"


def test_a_public_member_speaks_for_an_organisation(site: Site) -> None:
    places = github(
        site,
        users__Labs=(200, {"id": 50, "type": "Organization"}),
        orgs__Labs__public_members__acme=(204, {}),
    )
    assert proof(namespace("io.github.Labs/clock", ACME, None, places)).method == "github"
    site.pages["/orgs/Labs/public_members/acme"] = (404, b"")
    assert proof(namespace("io.github.Labs/clock", ACME, None, places)).method == "none"


def test_an_account_that_does_not_exist_is_held_by_nobody(site: Site) -> None:
    found = proof(namespace("io.github.nobody/clock", ACME, None, github(site)))
    assert (found.method, found.detail) == ("none", "GitHub has no account nobody")


@pytest.mark.parametrize(
    "answer", [(500, b"oops"), (200, b"<html>"), (302, b"https://evil.example")]
)
def test_github_failing_is_nobodys_proof_and_nobodys_fault(
    site: Site, answer: tuple[int, bytes]
) -> None:
    places = github(site)
    site.pages["/users/acme"] = answer
    assert isinstance(namespace("io.github.acme/clock", ACME, None, places), Missing)


def test_a_txt_record_proves_a_domain(names: NameServer, site: Site) -> None:
    names.records["_mcpreg.example.com"] = ["v=spf1 -all", "mcpreg-owner=github:Acme:7"]
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert (found.method, found.holder) == ("dns", "acme")
    assert names.asked == ["_mcpreg.example.com"]


@pytest.mark.parametrize(
    "line",
    [
        "mcpreg-owner=github:acme:8",
        "mcpreg-owner=github:acme",
        "mcpreg-owner=github:acme:7 extra",
        "mcpreg-owner=gitlab:acme:7",
    ],
)
def test_any_other_record_proves_nothing(names: NameServer, site: Site, line: str) -> None:
    names.records["_mcpreg.example.com"] = [line]
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert found.method == "none"
    assert "TXT _mcpreg.example.com" in found.detail


def test_the_well_known_file_proves_a_domain_too(
    names: NameServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mcpreg.evidence.namespace.WELL_KNOWN", f":{site.port}/.well-known/mcpreg-owner"
    )
    site.pages["/.well-known/mcpreg-owner"] = (200, b"# ours\nmcpreg-owner=github:acme:7\n")
    places = Places(name_servers=(names.address,), web=site.web())
    assert proof(namespace(DOMAIN, ACME, None, places)).method == "well-known"


def test_a_name_server_that_fails_is_told(names: NameServer, site: Site) -> None:
    names.records["_mcpreg.example.com"] = None
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert found.method == "none"
    assert "TXT _mcpreg.example.com" in found.detail


@pytest.mark.parametrize("name", ["localhost/x", "com.-bad-/x", "com.exa_mple/x"])
def test_what_is_no_domain_is_held_by_nobody(name: str) -> None:
    assert proof(namespace(name, ACME, None, Places())).method == "none"


def test_on_main_what_was_pinned_counts() -> None:
    owner = NamespaceOwner(
        namespace="com.example", github=(GitHubOwner(login="acme", id=7),), proof="dns"
    )
    assert proof(namespace(DOMAIN, None, owner, Places())).method == "dns"
    assert isinstance(namespace(DOMAIN, None, None, Places()), Missing)


# --- the client itself ---------------------------------------------------------------------


def test_refuses_private_addresses_and_plain_http(site: Site) -> None:
    address = f"https://example.com:{site.port}/"
    site.pages["/"] = (200, b"hello")
    assert get(address, site.web()).body == b"hello"  # the deed works where it is allowed
    guarded = Web(lookup=lambda *_: ["127.0.0.1"], tls=site.web().tls)
    with pytest.raises(WebError):
        get(address, guarded)
    with pytest.raises(WebError, match="not an https address"):
        get(f"http://127.0.0.1:{site.port}/", site.web())


def test_refuses_a_certificate_of_somebody_else(site: Site) -> None:
    with pytest.raises(WebError, match="certificate"):
        get(f"https://other.example:{site.port}/", site.web())


def test_reads_no_more_than_the_cap(site: Site) -> None:
    site.pages["/big"] = (200, b"x" * 10_000)
    with pytest.raises(WebError, match="more than 5000 bytes"):
        get(f"https://example.com:{site.port}/big", site.web(), limit=5000)
