"""A certificate authority like Fulcio, with its certificate transparency log, in memory.

It issues code-signing certificates for a GitHub workflow's identity token: the claims become the
extensions of https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md, and each certificate
carries a signed certificate timestamp (RFC 6962).
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto.core import OctetString, UTF8String
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

GITHUB = "https://github.com/"
_FULCIO = "1.3.6.1.4.1.57264.1."
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_YEARS = timedelta(days=3650)


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def spki(key: Any) -> bytes:  # noqa: ANN401  # any private key
    """DER of the public half."""
    data: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _usage(*, signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def name(common: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "double")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issuer_certificate(
    common: str,
    key: ec.EllipticCurvePrivateKey,
    above: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> x509.Certificate:
    """A root, or an intermediate below `above`."""
    began = datetime.now(UTC) - timedelta(days=1)
    signer = above[1] if above else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(above[0].subject if above else name(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + _YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if above else 1), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if above:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(usage, critical=False)
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(signer, hashes.SHA384())


@dataclass
class Authority:
    """Issues certificates. `lifetime` and `backdate` let a test make stale ones."""

    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key(ec.SECP384R1()))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key(ec.SECP384R1()))
    log_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    lifetime: timedelta = timedelta(minutes=10)
    root: x509.Certificate = field(init=False)
    intermediate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.root = issuer_certificate("root", self.root_key)
        above = (self.root, self.root_key)
        self.intermediate = issuer_certificate("intermediate", self.key, above)

    def issue(self, request: bytes, claims: Mapping[str, Any]) -> list[x509.Certificate]:
        """The chain for a PEM signing request: leaf, intermediate, root."""
        asked = x509.load_pem_x509_csr(request)
        if not asked.is_signature_valid:
            raise ValueError("the request is not signed by its key")
        builder = self._leaf(asked, claims)
        precertificate = builder.sign(self.key, hashes.SHA384())
        stamp = self._stamp(precertificate.tbs_certificate_bytes)
        extension = x509.UnrecognizedExtension(_SCT_LIST, OctetString(stamp).dump())
        leaf = builder.add_extension(extension, critical=False).sign(self.key, hashes.SHA384())
        return [leaf, self.intermediate, self.root]

    def _leaf(
        self, asked: x509.CertificateSigningRequest, claims: Mapping[str, Any]
    ) -> x509.CertificateBuilder:
        began = datetime.now(UTC)
        identity = GITHUB + claims["job_workflow_ref"]
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("only elliptic curves here")
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + self.lifetime)
            .add_extension(_usage(signature=True), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(above, critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]),
                critical=True,
            )
        )
        for number, value in _extensions(claims).items():
            oid = ObjectIdentifier(f"{_FULCIO}{number}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        return builder

    def _stamp(self, certificate: bytes) -> bytes:
        """The list of one signed certificate timestamp (RFC 6962, 3.2 and 3.3)."""
        moment = int(time.time() * 1000)
        issuer = hashlib.sha256(spki(self.key)).digest()
        size = len(certificate).to_bytes(3, "big")
        entry = struct.pack("!BBQH", 0, 0, moment, 1) + issuer + size + certificate + b"\0\0"
        signature = self.log_key.sign(entry, ec.ECDSA(hashes.SHA256()))
        log = hashlib.sha256(spki(self.log_key)).digest()
        stamp = b"\0" + log + struct.pack("!QH", moment, 0) + b"\4\3"
        stamp += struct.pack("!H", len(signature)) + signature
        return struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp


def _extensions(claims: Mapping[str, Any]) -> dict[int, bytes]:
    """Values by the last part of Fulcio's object identifiers; 1-6 are raw, the rest UTF8String."""
    raw = {
        1: claims["iss"],
        2: claims["event_name"],
        3: claims["sha"],
        4: claims["workflow"],
        5: claims["repository"],
        6: claims["ref"],
    }
    run = f"{claims['repository']}/actions/runs/{claims['run_id']}/attempts/1"
    typed = {
        8: claims["iss"],
        9: GITHUB + claims["job_workflow_ref"],
        10: claims["job_workflow_sha"],
        11: claims["runner_environment"],
        12: GITHUB + claims["repository"],
        13: claims["sha"],
        14: claims["ref"],
        15: claims["repository_id"],
        16: GITHUB + claims["repository"].partition("/")[0],
        17: claims["repository_owner_id"],
        18: GITHUB + claims["workflow_ref"],
        19: claims["workflow_sha"],
        20: claims["event_name"],
        21: GITHUB + run,
        22: "public",
    }
    return {number: value.encode() for number, value in raw.items()} | {
        number: bytes(UTF8String(value).dump()) for number, value in typed.items()
    }
