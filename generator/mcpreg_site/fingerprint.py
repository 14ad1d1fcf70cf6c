"""The digest of everything but the registry's data that decides what a site's bytes are.

Program, libraries, templates and settings: when any of it changes, everything is made anew.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

import mcpreg
import mcpreg_site
from mcpreg.gitrepo import Snapshot
from mcpreg_site.templates import Templates
from mcpreg_site.tree import key_of


def means(templates: Templates) -> str:
    """Of the program as it stands on this disk, and these templates: with a commit they decide
    all."""
    return key_of(program(), _folder(templates.folder))


def fingerprint(snapshot: Snapshot, templates: Templates) -> str:
    """Of program, templates, and a commit's settings."""
    root = snapshot.tuf.get("1.root.json", b"")
    return key_of(
        means(templates),
        snapshot.settings.model_dump_json(),
        str("timestamp.json" in snapshot.tuf),
        hashlib.sha256(root).hexdigest(),
    )


@cache
def program() -> str:
    """Of both packages' sources, Python's version, and every library's."""
    packages = [Path(str(module.__file__)).parent for module in (mcpreg, mcpreg_site)]
    # The names of the folders that say which version of what is installed; reading each of them
    # would take longer than a build that changes nothing.
    places = [Path(entry) for entry in sys.path if Path(entry).is_dir()]
    libraries = sorted({item.name for place in places for item in place.glob("*.dist-info")})
    return key_of(sys.version, *libraries, *map(_folder, packages))


def _folder(folder: Path) -> str:
    sha = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            name = file.relative_to(folder).as_posix().encode()
            data = file.read_bytes()
            sha.update(b"%d:%s%d:%s" % (len(name), name, len(data), data))
    return sha.hexdigest()
