"""`verify_site(folder)`: every hash, the TUF metadata, and that nothing is left out or added.

What it does not do: it verifies no Sigstore bundle (the client does, of what it installs), only
that each is the one that was signed for; and pages, which nobody signs, are only looked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import TargetFile

from mcpreg.core.index import SEARCH_DIRECTORY, SEARCH_TARGET, shard_path
from mcpreg.core.search.shards import MAX_SHARD_BYTES, Pointer
from mcpreg.errors import UsageError, VerificationError
from mcpreg_site.publish import is_site
from mcpreg_site.tree import MARKER
from mcpreg_site.verifying.folder import Finding, Folder
from mcpreg_site.verifying.metadata import verify_metadata
from mcpreg_site.verifying.servers import Seen, Servers, target_path
from mcpreg_site.workers import in_lots

_ASSET = re.compile(r"assets/.+-([0-9a-f]{12})\.[a-z]+")
_INDEX = "index/"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a site holds, and everything that is wrong with it."""

    root: str
    servers: int
    versions: int
    files: int
    """Files whose bytes were compared with a signed digest."""
    findings: tuple[Finding, ...]


def verify_site(
    output: Path,
    jobs: int = 1,
    root_sha256: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Verify a finished site.

    Args:
        output: its folder.
        jobs: processes to read with.
        root_sha256: the `sha256:` digest of the first root; the folder's own when None.
        say: hears what is being done.

    Raises:
        UsageError: the folder holds no site.
        VerificationError: the site is not signed, or by other keys than the given root's.
    """
    if not is_site(output):
        raise UsageError(f"{output} holds no site", hint="mcpreg-site build makes one")
    folder = Folder(output.absolute())
    say("verifying the metadata")
    signed = verify_metadata(folder, root_sha256)
    indexes = [item for item in signed.targets.items() if item[0].startswith(_INDEX)]
    others = [target for path, target in signed.targets.items() if not path.startswith(_INDEX)]
    seen = Seen(findings=list(signed.findings))
    if signed.targets:
        say(f"verifying {len(indexes)} servers")
        for part in in_lots(indexes, Servers(folder), jobs):
            _add(seen, part)
        for target in others:
            _add(seen, _other(folder, target))
        say("looking for what nobody signed")
        seen.findings += _unsigned(folder, seen.covered)
        seen.findings += _marker(folder, seen)
    seen.findings += _assets(folder)
    findings = sorted(set(seen.findings), key=lambda found: (found.path, found.message))
    return Verified(signed.root, seen.servers, seen.versions, len(seen.covered), tuple(findings))


def _add(whole: Seen, part: Seen) -> None:
    whole.findings += part.findings
    whole.covered |= part.covered
    whole.servers += part.servers
    whole.versions += part.versions


def _other(folder: Folder, target: TargetFile) -> Seen:
    """A target that is no server: policy, trusted root, or the pointer of the search index."""
    path = target_path(target)
    data = folder.read(path, target.length)
    found = folder.judge(path, data, f"sha256:{target.hashes['sha256']}", target.length)
    seen = Seen(findings=[found] if found else [], covered={path})
    if target.path == SEARCH_TARGET and found is None and data is not None:
        try:
            pointer = Pointer(data)
        except VerificationError as error:
            seen.findings.append(Finding("disagrees", path, error.message))
            return seen
        for digest in (*pointer.term_shards, *pointer.document_shards):
            seen.covered.add(shard_path(digest))
            seen.findings += _shard(folder, digest)
        if not folder.has(SEARCH_DIRECTORY):
            seen.findings.append(Finding("missing", SEARCH_DIRECTORY, "browsers search with it"))
    return seen


def _shard(folder: Folder, digest: str) -> Iterator[Finding]:
    path = shard_path(digest)
    data = folder.read(path, MAX_SHARD_BYTES)
    if data is None:
        yield Finding("missing", path, "the search index names it")
    elif hashlib.sha256(data).hexdigest() != digest:
        yield Finding("altered", path, f"its bytes are not those of sha256:{digest}")


def _unsigned(folder: Folder, covered: set[str]) -> Iterator[Finding]:
    for top in ("targets", "search/shards"):
        for path in folder.below(top):
            if path not in covered:
                yield Finding("unsigned", path, "no signed document names it")


def _marker(folder: Folder, seen: Seen) -> Iterator[Finding]:
    """`build.json` says how many servers and versions its lists show."""
    try:
        body = json.loads(folder.read(MARKER, 1 << 16) or b"")
        says = (body["servers"], body["versions"])
    except (ValueError, LookupError, TypeError, RecursionError):
        yield Finding("disagrees", MARKER, "it does not say what the site holds")
        return
    if says != (seen.servers, seen.versions):
        yield Finding(
            "disagrees",
            MARKER,
            f"it says {says[0]} servers and {says[1]} versions; "
            f"signed are {seen.servers} and {seen.versions}",
        )


def _assets(folder: Folder) -> Iterator[Finding]:
    """Style sheet and scripts are named after their bytes."""
    for path in folder.below("assets"):
        name = _ASSET.fullmatch(path)
        data = folder.read(path, 1 << 24) or b""
        if name is None:
            yield Finding("unsigned", path, "its name holds no digest")
        elif not hashlib.sha256(data).hexdigest().startswith(name[1]):
            yield Finding("altered", path, "its bytes are not those that its name says")
