"""Renew the public Sigstore's trusted root that ships with mcpreg.

    python scripts/update_trusted_root.py            the one inside the locked `sigstore` package
    python scripts/update_trusted_root.py --online   the newest, verified by Sigstore's own TUF

Look at the difference before it is committed: whoever can sign as these authorities can attest.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sigstore._internal.tuf import DEFAULT_TUF_URL, TrustUpdater
from sigstore._utils import read_embedded
from sigstore.models import TrustedRoot

TRUST = Path(__file__).resolve().parent.parent / "registry" / "mcpreg" / "trust"
NAME = "sigstore_trusted_root.json"
AUTHORITIES = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")


def main(arguments: list[str] | None = None) -> None:
    """Write the file, and print which authorities came and went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--online", action="store_true", help="ask Sigstore's TUF repository")
    parser.add_argument("--output", type=Path, default=TRUST / NAME, help="the file to write")
    asked = parser.parse_args(arguments)
    new = newest() if asked.online else embedded()
    old = asked.output.read_bytes() if asked.output.exists() else b"{}"
    for line in difference(old, new):
        print(line)
    asked.output.write_bytes(new)
    TrustedRoot.from_file(str(asked.output))  # raises if the library cannot read it
    print("unchanged" if old == new else f"wrote {asked.output.name}", file=sys.stderr)


def embedded() -> bytes:
    """The root inside the installed package, whose bytes the lock file's hash covers."""
    return read_embedded("trusted_root.json", DEFAULT_TUF_URL)


def newest() -> bytes:
    """The root that Sigstore's TUF repository signs today."""
    return Path(TrustUpdater(DEFAULT_TUF_URL).get_trusted_root_path()).read_bytes()


def difference(old: bytes, new: bytes) -> list[str]:
    """Authorities that came (+) and went (-), with where and since when they serve."""
    before, after = _authorities(old), _authorities(new)
    gone = [f"- {line}" for line in sorted(before - after)]
    return gone + [f"+ {line}" for line in sorted(after - before)]


def _authorities(root: bytes) -> set[str]:
    document = json.loads(root)
    found = set()
    for kind in AUTHORITIES:
        for item in document.get(kind, []):
            valid = item.get("validFor") or item["publicKey"]["validFor"]
            where = item.get("baseUrl") or item.get("uri")
            found.add(f"{kind}: {where} from {valid.get('start')} to {valid.get('end', 'now')}")
    return found


if __name__ == "__main__":
    main()
