"""A whole Sigstore on loopback: GitHub's token issuer, Fulcio, CT log, Rekor, timestamps.

It speaks the real protocols to the real `sigstore` client; only its keys are made up. `claims`
changes what the next tokens say, which is how a test runs as another workflow.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding

from mcpreg.core import canonical
from mcpreg.core.index import SigstorePolicy
from sigstore_authority import Authority, der, new_key, spki
from sigstore_clock import TimestampAuthority
from sigstore_log import OlderLog, TransparencyLog, encode

ISSUER = "https://token.actions.githubusercontent.com"
REPOSITORY, WORKFLOW, REF = "acme/registry", ".github/workflows/publish.yml", "refs/heads/main"
REQUEST_TOKEN = "only-the-job-knows"  # nobody's
Json = dict[str, Any]


@dataclass
class SigstoreDouble:
    """Start it as a context manager. `rekor` is the log's version: 1, without timestamps, or 2.

    `down` names paths that answer 503, and `answered` counts the answers by path.
    """

    rekor: int = 2
    down: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    authority: Authority = field(default_factory=Authority)
    clock: TimestampAuthority = field(default_factory=TimestampAuthority)
    claims: dict[str, str] = field(default_factory=dict)
    issuer_key: Any = field(default_factory=new_key)

    def __enter__(self) -> SigstoreDouble:
        double = self

        class Handler(_Handler):
            sigstore = double

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        log = TransparencyLog if self.rekor == 2 else OlderLog
        self.log = log(self.url.removeprefix("http://"))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What GitHub sets in a job that has `id-token: write`."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2",
        }

    def policy(self) -> SigstorePolicy:
        """The policy that this double's own workflow satisfies."""
        return SigstorePolicy(
            issuer=ISSUER,
            repository=REPOSITORY,
            repository_id="1001",
            owner_id="2002",
            workflow=WORKFLOW,
            ref=REF,
            trusted_root=canonical.sha256(self.trusted_root()),
        )

    def token(self) -> str:
        """An identity token of the workflow, changed by `claims`."""
        now = int(time.time())
        said = {"repository": REPOSITORY, "ref": REF, "event_name": "push", **self.claims}
        workflow = (
            f"{said['repository']}/{self.claims.get('workflow_path', WORKFLOW)}@{said['ref']}"
        )
        sha = "a" * 40
        body = {
            "iss": ISSUER,
            "aud": "sigstore",
            "sub": f"repo:{said['repository']}:ref:{said['ref']}",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "sha": sha,
            "workflow": "publish",
            "workflow_ref": workflow,
            "workflow_sha": sha,
            "job_workflow_ref": workflow,
            "job_workflow_sha": sha,
            "repository_id": "1001",
            "repository_owner_id": "2002",
            "runner_environment": "github-hosted",
            "run_id": "42",
        }
        return jwt.encode(body | said, self.issuer_key, "ES256")

    def certificate(self, request: Json, token: str) -> Json:
        """What Fulcio answers to `POST /api/v2/signingCert`."""
        key = self.issuer_key.public_key()
        claims = jwt.decode(token, key, ["ES256"], audience="sigstore")
        chain = self.authority.issue(base64.b64decode(request["certificateSigningRequest"]), claims)
        pem = [item.public_bytes(Encoding.PEM).decode() for item in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": pem}}}

    def trusted_root(self) -> bytes:
        """A `TrustedRoot` (media type version 0.1) that believes this double alone."""
        return canonical.dumps(self._trusted_root())

    def trust_config(self) -> bytes:
        """A `ClientTrustConfig`: the trusted root, and where to sign."""

        def service(path: str, version: int = 1) -> Json:
            return {
                "url": self.url + path,
                "majorApiVersion": version,
                "validFor": _SINCE,
                "operator": "double",
            }

        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("")],
            "oidcUrls": [service("/oidc")],
            "rekorTlogUrls": [service("", self.rekor)],
            "tsaUrls": [service("/tsa")] if self.rekor == 2 else [],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": self._trusted_root(),
                "signingConfig": signing,
            }
        ).encode()

    def _trusted_root(self) -> Json:
        def chain(*certificates: Any) -> Json:  # noqa: ANN401  # certificates
            return {
                "subject": {"organization": "double", "commonName": "double"},
                "uri": self.url,
                "certChain": {
                    "certificates": [{"rawBytes": encode(der(item))} for item in certificates]
                },
                "validFor": _SINCE,
            }

        def log(key: Any, details: str, identity: bytes) -> Json:  # noqa: ANN401  # a private key
            public = {"rawBytes": encode(spki(key)), "keyDetails": details, "validFor": _SINCE}
            return {
                "baseUrl": self.url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": public,
                "logId": {"keyId": encode(identity)},
            }

        kind = "PKIX_ED25519" if self.rekor == 2 else "PKIX_ECDSA_P256_SHA_256"
        authority, clock = self.authority, self.clock
        certificates = hashlib.sha256(spki(authority.log_key)).digest()
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log.key, kind, self.log.id)],
            "certificateAuthorities": [chain(authority.intermediate, authority.root)],
            "ctlogs": [log(authority.log_key, "PKIX_ECDSA_P256_SHA_256", certificates)],
            "timestampAuthorities": [chain(clock.certificate, clock.root)],
        }


_SINCE = {"start": (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}


class _Handler(BaseHTTPRequestHandler):
    sigstore: SigstoreDouble
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        known = self.headers.get("Authorization", "").lower() == f"bearer {REQUEST_TOKEN}"
        if not known or "audience=sigstore" not in self.path:
            self._answer(403, b"{}")
            return
        self._answer(200, json.dumps({"value": self.sigstore.token()}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.sigstore.answered[self.path] += 1
        if self.path in self.sigstore.down:
            self._answer(503, b"{}")
            return
        try:
            if self.path == "/tsa":
                stamped = self.sigstore.clock.stamp(body)
                self._answer(201, stamped, "application/timestamp-reply")
            elif self.path == "/api/v2/signingCert":
                token = self.headers["Authorization"].split()[1]
                self._json(self.sigstore.certificate(json.loads(body), token))
            elif self.path == f"/api/v{self.sigstore.rekor}/log/entries":
                self._json(self.sigstore.log.add(json.loads(body)))
            else:
                self._answer(404, b"{}")
        except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            self._answer(400, json.dumps({"message": repr(error)}).encode())

    def _json(self, body: Json) -> None:
        self._answer(201, json.dumps(body).encode())

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
