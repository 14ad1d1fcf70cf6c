"""Transparency logs like Rekor v2 and v1, in memory: RFC 6962 proofs, signed notes as checkpoints.

v2 has Ed25519, `hashedrekord` 0.0.2 and no time of its own; v1 has ECDSA, `dsse` 0.0.1 and promises
inclusion with a signed time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sigstore_authority import new_key, spki

Json = dict[str, Any]
MAX_TREE = 256  # leaves; a new tree then, so that a proof stays cheap to make


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tree_hash(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes (RFC 6962, 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return _node(tree_hash(leaves[:split]), tree_hash(leaves[split:]))


def audit_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The audit path of a leaf (RFC 6962, 2.1.1)."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*audit_path(index, leaves[:split]), tree_hash(leaves[split:])]
    return [*audit_path(index - split, leaves[split:]), tree_hash(leaves[:split])]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True)
class Proof:
    """Where a leaf lies in a tree, and the tree's signed head."""

    index: int
    size: int
    root: bytes
    path: list[bytes]
    checkpoint: str


@dataclass
class _Log(ABC):
    """`origin` is the host and port it is served under: the name in its checkpoints."""

    origin: str
    _leaves: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    @abstractmethod
    def id(self) -> bytes:
        """The key's id."""

    @abstractmethod
    def sign(self, message: bytes) -> bytes:
        """With the log's key."""

    @abstractmethod
    def add(self, request: Json) -> Json:
        """What the log answers to an entry."""

    def integrate(self, body: bytes) -> Proof:
        """Append the leaf of a canonical body."""
        with self._lock:
            if len(self._leaves) >= MAX_TREE:
                self._leaves = []
            self._leaves.append(hashlib.sha256(b"\0" + body).digest())
            leaves = list(self._leaves)
        index, root = len(leaves) - 1, tree_hash(leaves)
        note = f"{self.origin}\n{len(leaves)}\n{encode(root)}\n"
        signature = encode(self.id[:4] + self.sign(note.encode()))
        checkpoint = f"{note}\n\u2014 {self.origin} {signature}\n"
        return Proof(index, len(leaves), root, audit_path(index, leaves), checkpoint)


@dataclass
class TransparencyLog(_Log):
    """Rekor v2."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def id(self) -> bytes:
        """The key's id in a signed note (C2SP)."""
        public = self.key.public_key().public_bytes_raw()
        return hashlib.sha256(self.origin.encode() + b"\n\x01" + public).digest()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def add(self, request: Json) -> Json:
        """The `TransparencyLogEntry` that answers `POST /api/v2/log/entries`."""
        asked = request["hashedRekordRequestV002"]
        spec = {
            "data": {"algorithm": "SHA2_256", "digest": asked["digest"]},
            "signature": asked["signature"],
        }
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {"hashedRekordV002": spec},
            }
        )
        proof = self.integrate(body)
        return {
            "logIndex": str(proof.index),
            "logId": {"keyId": encode(self.id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "canonicalizedBody": encode(body),
            "inclusionProof": {
                "logIndex": str(proof.index),
                "rootHash": encode(proof.root),
                "treeSize": str(proof.size),
                "hashes": [encode(item) for item in proof.path],
                "checkpoint": {"envelope": proof.checkpoint},
            },
        }


@dataclass
class OlderLog(_Log):
    """Rekor v1."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @property
    def id(self) -> bytes:
        """The digest of the key."""
        return hashlib.sha256(spki(self.key)).digest()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def add(self, request: Json) -> Json:
        """The `LogEntry` by its UUID that answers `POST /api/v1/log/entries`."""
        proposed = request["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        (verifier,) = proposed["verifiers"]
        spec: Json = {
            "envelopeHash": _digest(proposed["envelope"].encode()),
            "payloadHash": _digest(base64.b64decode(envelope["payload"])),
            "signatures": [
                {"signature": item["sig"], "verifier": verifier} for item in envelope["signatures"]
            ],
        }
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        proof = self.integrate(body)
        promised: Json = {
            "body": encode(body),
            "integratedTime": int(time.time()),
            "logID": self.id.hex(),
            "logIndex": proof.index,
        }
        verification = {
            "signedEntryTimestamp": encode(self.sign(rfc8785.dumps(promised))),
            "inclusionProof": {
                "logIndex": proof.index,
                "treeSize": proof.size,
                "rootHash": proof.root.hex(),
                "hashes": [item.hex() for item in proof.path],
                "checkpoint": proof.checkpoint,
            },
        }
        return {secrets.token_hex(40): {**promised, "verification": verification}}


def _digest(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
