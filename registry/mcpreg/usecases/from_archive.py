"""`install ./clock.mcp`: an archive says what is wanted, and a registry whether it may be.

An archive is signed by nobody, so nothing is believed of it: the registries this machine trusts are
asked for that very name and version, and the archive's manifest and lock must be the ones they
signed. What it carries in `dist/` (a bundle, wheels, npm packages) is then used where the lock
names it by digest, before any index or host is asked for it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mcpreg.core.lock import LOCK_FILE, Lock
from mcpreg.core.names import Reference
from mcpreg.errors import NotFoundError, PolicyError, VerificationError
from mcpreg.formats.mcp_archive import DIST_FOLDER, ENDING
from mcpreg.packages import npm_lock
from mcpreg.packages.archives import keep
from mcpreg.store.places import Places
from mcpreg.trust.verify import VerifiedVersion
from mcpreg.usecases.pack import Content, read_packed
from mcpreg.usecases.resolve import verified


def as_archive(text: str) -> Path | None:
    """The path, when what a person wrote means a `.mcp` file and no server's name."""
    if not text.endswith(ENDING):
        return None
    path = Path(text).expanduser()
    return path if text.startswith(("./", "../", "/", "~")) or path.is_file() else None


def vouched(places: Places, path: Path, only: str | None = None) -> VerifiedVersion:
    """The version that the archive holds, as a registry signed it.

    Raises:
        PolicyError: no registry that this machine trusts has that version.
        VerificationError: the registry signed another manifest or lock for it.
        FormatError, InvalidError: it is no such archive; and as `verified` raises.
    """
    content = read_packed(path)
    reference = Reference(content.manifest.name, content.manifest.version)
    try:
        version = verified(places, reference, only)
    except NotFoundError as error:
        raise PolicyError(
            f"nobody vouches for {path}: {error.message}",
            hint="an archive is signed by nobody, and mcpreg runs what a registry signed: "
            f"mcpreg publish {path} --repo URL submits it to one",
        ) from error
    same = version.manifest.digest() == content.manifest.digest()
    if not same or content.files[LOCK_FILE] != version.lock_bytes:
        raise VerificationError(
            f"{path} is not what {version.registry} signed as {reference}",
            hint=f"mcpreg install {reference} installs what was signed",
        )
    _keep_artifacts(content, version.lock)
    return version


def _keep_artifacts(content: Content, lock: Lock) -> None:
    """What the lock names by digest goes to where installing looks first; the rest goes nowhere."""
    wanted = {wheel.sha256 for wheel in lock.wheels}
    wanted |= {npm_lock.digest(row.integrity) for row in lock.npm_packages}
    wanted |= {lock.archive.sha256.removeprefix("sha256:")} if lock.archive else set()
    algorithms = ("sha256", *(("sha512",) if lock.npm_packages else ()))
    for name, data in content.files.items():
        for algorithm in algorithms if name.startswith(f"{DIST_FOLDER}/") else ():
            digest = hashlib.new(algorithm, data).hexdigest()
            if digest in wanted:
                keep(data, digest)
