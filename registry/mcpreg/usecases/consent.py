"""vet -> consent: a person sees what a server may touch before it runs for the first time.

What was agreed to is remembered by its reach: another version that may do the same is not asked
about again, one that may do more is. A server that may touch nothing (safety level `safe`) and
requires no consent of its own is not asked about: a question that is always answered alike teaches
people not to read. Imports nothing heavy: it runs at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mcpreg.core import canonical
from mcpreg.core.inputs import open_variables
from mcpreg.core.install import InstallRecord
from mcpreg.errors import PolicyError
from mcpreg.store.consents import Consent, ConsentStore
from mcpreg.store.places import Places
from mcpreg.store.policies import digest_of, policy_files

Ask = Callable[[InstallRecord, Consent | None], bool]
"""Show what the server may touch (and what was agreed to before), and bring back the answer."""


def reach_of(record: InstallRecord) -> str:
    """The digest of all that a person agrees to: `sha256:<hex>`."""
    return canonical.digest(
        {
            "registry": record.registry,
            "sandbox": sorted(record.sandbox),
            "secrets": sorted(_secrets(record)),
            "consents": sorted(identity for identity, _ in record.consents),
        }
    )


def _secrets(record: InstallRecord) -> Iterator[str]:
    for item in record.inputs:
        if item.secret:
            yield item.name
        yield from (part.name for part in open_variables(item) if part.secret)


def needs_asking(record: InstallRecord) -> bool:
    """Whether there is anything to agree to. What an old record does not say is asked about."""
    return bool(record.consents) or record.facts.get("level") != "safe"


def require(places: Places, record: InstallRecord, *, yes: bool, ask: Ask | None) -> Consent | None:
    """Make sure that the policies allow the server and that a person agreed to it.

    Args:
        places: of this machine.
        record: what is about to run.
        yes: the person answered on the command line.
        ask: None when nobody can be asked.

    Returns:
        The consent, when it was given just now.

    Raises:
        PolicyError: not allowed, not agreed to, or nobody to ask.
    """
    store = ConsentStore(places.data)
    given, policy = store.get(record.name), digest_of(policy_files(places.config))
    _require_policy(places, record, policy, given)
    if is_agreed(places, record):
        if given is not None and (given.policy, given.version) != (policy, record.version):
            store.put(given._replace(policy=policy, version=record.version))
        return None
    how = _answer(record, given, yes=yes, ask=ask)
    return accept(places, record, how)


def is_agreed(places: Places, record: InstallRecord) -> bool:
    """Whether it would run without asking anybody, as far as consent goes."""
    given = ConsentStore(places.data).get(record.name)
    return not needs_asking(record) or (given is not None and given.reach == reach_of(record))


def accept(places: Places, record: InstallRecord, how: str) -> Consent:
    """Remember that a person agreed to what `record` may touch."""
    consent = Consent(
        name=record.name,
        version=record.version,
        registry=record.registry,
        reach=reach_of(record),
        sandbox=tuple(sorted(record.sandbox)),
        how=how,
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        policy=digest_of(policy_files(places.config)),
    )
    ConsentStore(places.data).put(consent)
    return consent


def _require_policy(
    places: Places, record: InstallRecord, policy: str, given: Consent | None
) -> None:
    """Ask the policies again only when they are others than those that allowed it."""
    judged = given is not None and (given.policy, given.version) == (policy, record.version)
    if judged or policy in ("", record.policy):
        return
    from mcpreg.usecases.vet import require_still_allowed

    require_still_allowed(places, record.facts, record.name)


def _answer(record: InstallRecord, given: Consent | None, *, yes: bool, ask: Ask | None) -> str:
    if yes:
        return "--yes"
    if ask is None:
        said = "may do more than you agreed to" if given else "was not agreed to yet"
        raise PolicyError(
            f"{record.name}@{record.version} {said}, and nobody can be asked here",
            hint=f"mcpreg install {record.name} in a terminal, or run it once with --yes",
        )
    if not ask(record, given):
        raise PolicyError(f"{record.name}@{record.version} was not agreed to")
    return "asked"
