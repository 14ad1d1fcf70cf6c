"""A tiny registry whose policy wants the attestation of a local Sigstore's workflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from mcpreg.core import canonical
from mcpreg.core.index import POLICY_TARGET, TRUSTED_ROOT_TARGET, Policy
from mcpreg.core.settings import parse_settings
from mcpreg.trust import keys
from mcpreg.trust.repository import create_offline
from sigstore_double import SigstoreDouble
from tiny_registry import TinyRegistry

SIGSTORE = """
[trust.sigstore]
repository = "acme/registry"
repository_id = "1001"
owner_id = "2002"
"""


def signers(folder: Path) -> dict[str, CryptoSigner]:
    """The keys that `mcpreg-site keys init` wrote."""
    return {
        path.stem: keys._from_pem(path.read_bytes(), path.name) for path in folder.glob("*.pem")
    }


def adopt_sigstore(registry: TinyRegistry, sigstore: SigstoreDouble) -> None:
    """Make the registry's first trust again, with a policy and a private Sigstore's root."""
    settings = registry.repo / "mcpreg.toml"
    text = settings.read_text().replace("[trust]", '[trust]\nmode = "sigstore"')
    settings.write_text(text + SIGSTORE)
    policy = Policy(mode="sigstore", registry="tiny", sigstore=sigstore.policy()).canonical()
    ours = signers(registry.keys.folder)
    online = ours.pop(keys.ONLINE).public_key
    trust = parse_settings(settings.read_bytes()).trust
    files = create_offline(list(ours.values()), online, policy, trust, registry.clock)
    targets = Metadata[Targets].from_bytes(files["1.targets.json"])
    root = sigstore.trusted_root()
    targets.signed.targets[TRUSTED_ROOT_TARGET] = TargetFile.from_data(TRUSTED_ROOT_TARGET, root)
    targets.signatures.clear()
    for signer in ours.values():
        targets.sign(signer, append=True)
    files["1.targets.json"] = targets.to_bytes(JSONSerializer(compact=True))
    files |= {POLICY_TARGET: policy, TRUSTED_ROOT_TARGET: root}
    for name, data in files.items():
        (registry.repo / "trust" / name).write_bytes(data)
    digest = canonical.sha256(files["1.root.json"]).removeprefix("sha256:")
    registry.keys = replace(registry.keys, root=digest)
    registry.commit("Attestations of the workflow")
