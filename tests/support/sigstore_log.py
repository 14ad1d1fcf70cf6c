"""A transparency log like Rekor v2 (tiles, Ed25519, no inclusion promise), in memory.

Entries are `hashedrekord` 0.0.2, proofs are RFC 6962's, checkpoints are signed notes.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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


@dataclass
class TransparencyLog:
    """`origin` is the host and port it is served under: the name in its checkpoints."""

    origin: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    _leaves: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> bytes:
        """The key's id in a signed note (C2SP)."""
        public = self.key.public_key().public_bytes_raw()
        return hashlib.sha256(self.origin.encode() + b"\n\x01" + public).digest()

    def add(self, request: dict[str, Any]) -> dict[str, Any]:
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
        index, leaves = self._append(body)
        root = tree_hash(leaves)
        return {
            "logIndex": str(index),
            "logId": {"keyId": encode(self.id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "canonicalizedBody": encode(body),
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": encode(root),
                "treeSize": str(len(leaves)),
                "hashes": [encode(item) for item in audit_path(index, leaves)],
                "checkpoint": {"envelope": self._checkpoint(len(leaves), root)},
            },
        }

    def _append(self, body: bytes) -> tuple[int, list[bytes]]:
        with self._lock:
            if len(self._leaves) >= MAX_TREE:
                self._leaves = []
            self._leaves.append(hashlib.sha256(b"\0" + body).digest())
            return len(self._leaves) - 1, list(self._leaves)

    def _checkpoint(self, size: int, root: bytes) -> str:
        note = f"{self.origin}\n{size}\n{encode(root)}\n"
        signature = encode(self.id[:4] + self.key.sign(note.encode()))
        return f"{note}\n\u2014 {self.origin} {signature}\n"
