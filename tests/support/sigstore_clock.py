"""A timestamp authority (RFC 3161), in memory. `shift` lets a test stamp another time."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from sigstore_authority import der, issuer_certificate, name, new_key

_POLICY = "1.3.6.1.4.1.57264.2"


@dataclass
class TimestampAuthority:
    """Its certificate chain is `certificate` below `root`."""

    root_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    shift: timedelta = timedelta(0)
    root: x509.Certificate = field(init=False)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.root = issuer_certificate("timestamps root", self.root_key)
        began = datetime.now(UTC) - timedelta(hours=12)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name("timestamps"))
            .issuer_name(self.root.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + timedelta(days=3000))
            .add_extension(usage, critical=True)
            .sign(self.root_key, hashes.SHA256())
        )

    def stamp(self, request: bytes) -> bytes:
        """A `TimeStampResp` for a `TimeStampReq`, both DER."""
        asked = tsp.TimeStampReq.load(request)
        moment = (datetime.now(UTC) + self.shift).replace(microsecond=0)
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": _POLICY,
                "message_imprint": asked["message_imprint"],
                "serial_number": secrets.randbits(63),
                "gen_time": moment,
                "nonce": asked["nonce"].native,
            }
        ).dump()
        signed = self._signed(info, moment)
        return bytes(
            tsp.TimeStampResp(
                {
                    "status": {"status": "granted"},
                    "time_stamp_token": {"content_type": "signed_data", "content": signed},
                }
            ).dump()
        )

    def _signed(self, info: bytes, moment: datetime) -> cms.SignedData:
        certificate = asn1_x509.Certificate.load(der(self.certificate))
        digest = hashlib.sha256(der(self.certificate)).digest()
        sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
        named = {"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": digest}
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "signing_time", "values": [cms.Time({"utc_time": moment})]},
                {"type": "message_digest", "values": [hashlib.sha256(info).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [named]})],
                },
            ]
        )
        by = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        signer = {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": by}),
            "digest_algorithm": sha256,
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": self.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
        content = {"content_type": "tst_info", "content": core.ParsableOctetString(info)}
        return cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [sha256],
                "encap_content_info": content,
                "certificates": [certificate],
                "signer_infos": [signer],
            }
        )
