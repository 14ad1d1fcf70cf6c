"""Who holds a new namespace: `owners/<namespace>.json` as it is offered, and as it was proven.

A namespace is pinned when its first version comes in. The publisher's pull request brings the file,
because on main nobody stands for anybody any more; a pull request that pins somebody else than it
proves would be a theft, and reviewers cannot see from a number whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mcpreg.checks.case import Submitter
from mcpreg.checks.finding import visible
from mcpreg.core.evidence import Missing, NamespaceProof
from mcpreg.core.report import ReportedFinding, VersionReport
from mcpreg.core.reviews import MAX_REVIEW_BYTES, OWNERS_FOLDER, GitHubOwner, NamespaceOwner
from mcpreg.errors import UnreachableError, UsageError
from mcpreg.evidence.namespace import GITHUB, Places, account, namespace
from mcpreg.evidence.web import WebError
from mcpreg.gitrepo import Change
from mcpreg.usecases.surroundings import Registry

_FIX = "mcpreg publish writes it for the account that opens the pull request"
_PREFIX = f"{OWNERS_FOLDER}/"


def owner_file(held: str) -> str:
    """The path of a namespace's file in a registry."""
    return f"{_PREFIX}{held}.json"


def claim(name: str, login: str, places: Places) -> NamespaceOwner:
    """What a namespace's file must say when `login` submits the first server of it.

    Raises:
        UsageError: there is no such account, or it has not proven to hold the namespace.
        UnreachableError: nobody could be asked.
    """
    held = name.partition("/")[0]
    try:
        found = account(login, places)
    except WebError as error:
        raise UnreachableError(f"cannot ask GitHub about {login}: {error}") from error
    if found is None:
        raise UsageError(f"GitHub has no account {login!r}", hint="--github LOGIN names yours")
    proof = namespace(name, found, None, places)
    if isinstance(proof, Missing):
        raise UnreachableError(f"cannot ask who holds {held}: {proof.reason}")
    owner = _proven(held, proof)
    if owner is None:
        raise UsageError(
            f"{login} has not proven to hold {held}: {proof.detail}",
            hint="docs/namespaces.md says how; --github LOGIN names another account",
        )
    return owner


def _proven(held: str, proof: NamespaceProof) -> NamespaceOwner | None:
    if proof.method == "none" or proof.holder is None or proof.github_id is None:
        return None
    holder = GitHubOwner(login=proof.holder, id=proof.github_id)
    return NamespaceOwner(namespace=held, github=(holder,), proof=proof.method)


def own_account(held: str) -> str | None:
    """The account that a namespace of GitHub is named after; it may be an organisation's."""
    return held[len(GITHUB) :] if held.casefold().startswith(GITHUB) else None


@dataclass(frozen=True, slots=True)
class Offered:
    """A pull request's view: its changed paths, its files below `owners/`, its reports.

    `places` None: nobody outside may be asked.
    """

    changed: Iterable[Change]
    files: Mapping[str, bytes]
    reports: tuple[VersionReport, ...]
    submitter: Submitter | None
    places: Places | None


def findings(offered: Offered, registry: Registry) -> Iterator[ReportedFinding]:
    """What is wrong with who is pinned, or not pinned, by a pull request."""
    named = set()
    for item in offered.changed:
        if not item.path.startswith(_PREFIX) or item.status == "deleted":
            continue
        held = item.path.removeprefix(_PREFIX).removesuffix(".json")
        named.add(held)
        yield from _file(item, held, offered, registry)
    for report in offered.reports:
        owner, path = report.owner, owner_file(report.name.partition("/")[0])
        if owner is None or owner.namespace in named or report.lock is None:
            continue
        named.add(owner.namespace)
        if registry.owner(owner.namespace) is None and not registry.is_curated(report.name):
            text = owner.canonical().decode()
            yield _finding(path, "is missing: it pins who holds the namespace", fix=text)


def _file(
    item: Change, held: str, offered: Offered, registry: Registry
) -> Iterator[ReportedFinding]:
    data = offered.files.get(item.path.removeprefix(_PREFIX))
    if data is None or "/" in held or not item.path.endswith(".json"):
        yield _finding(item.path, "is no plain file of a namespace", _FIX)
        return
    if len(data) > MAX_REVIEW_BYTES:
        yield _finding(item.path, f"is larger than {MAX_REVIEW_BYTES >> 10} KiB", _FIX)
        return
    try:
        owner = NamespaceOwner.model_validate_json(data)
    except ValueError as error:
        yield _finding(item.path, f"is not valid: {str(error).partition(chr(10))[0]}", _FIX)
        return
    if owner.namespace != held:
        yield _finding(item.path, f"is about {owner.namespace}", _FIX)
        return
    known = registry.owner(held)
    if known is None:
        yield from _new(item.path, owner, offered)
    elif known.namespace != held and not _same(owner, known):
        said = f"pins {_names(owner)}, but {known.namespace} is held by {_names(known)}"
        yield _finding(item.path, said, "GitHub and the DNS know no case: it is one namespace")
    elif known.namespace == held and known != owner:
        said = f"changes who holds {held}: {_names(known)} is pinned, {_names(owner)} would be"
        yield _finding(item.path, said, severity="warning")


def _new(path: str, owner: NamespaceOwner, offered: Offered) -> Iterator[ReportedFinding]:
    if not owner.github and owner.proof is None:
        return  # nobody gains anything: maintainers keep it for its author
    held = owner.namespace
    proof = _proof(held, offered)
    if isinstance(proof, Missing):
        said = f"pins {_names(owner)}, and nobody could be asked whether that is so: {proof.reason}"
        yield _finding(path, said, severity="warning")
    elif _same(owner, _proven(held, proof)):
        return
    else:
        said = f"pins {_names(owner)} ({owner.proof}); what is proven: {proof.method}, "
        yield _finding(path, said + f"{proof.holder or 'nobody'}, {proof.detail}", _FIX)


def _proof(held: str, offered: Offered) -> NamespaceProof | Missing:
    if offered.submitter is None:
        return Missing("no pull request, so nobody stands for it")
    if offered.places is None:
        return Missing("no network was allowed")
    return namespace(f"{held}/any", offered.submitter, None, offered.places)


def _same(owner: NamespaceOwner, proven: NamespaceOwner | None) -> bool:
    """By numbers, and by logins as people read them; the proof's kind is pinned, too."""
    if proven is None or owner.proof != proven.proof:
        return False
    accounts = {(item.login.casefold(), item.id) for item in owner.github}
    return accounts == {(item.login.casefold(), item.id) for item in proven.github}


def _names(owner: NamespaceOwner) -> str:
    return ", ".join(f"{item.login} ({item.id})" for item in owner.github) or "nobody"


def _finding(
    path: str, what: str, fix: str | None = None, severity: str = "error"
) -> ReportedFinding:
    shown = visible(path)
    return ReportedFinding(
        severity="error" if severity == "error" else "warning",
        message=visible(f"{shown} {what}"),
        file=shown,
        line=1,
        column=1,
        fix=fix,
    )
