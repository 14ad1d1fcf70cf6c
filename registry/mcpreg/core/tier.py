"""Trust tiers: given by rule, never by hand (SPEC section 3.5).

certified          a third party's assessment of this very version, signed, in git
security-audited   a Security Council review of it, signed, in git
community-trusted  100 downloads of the server, and no failed check
unverified         everything else, and whatever is only listed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mcpreg.core.index import CheckOutcome, Tier

ENOUGH_DOWNLOADS = 100
ReviewKind = Literal["security-audit", "certification"]
_LIFTS: tuple[tuple[ReviewKind, Tier, str], ...] = (
    ("certification", "certified", "certified"),
    ("security-audit", "security-audited", "audited"),
)


@dataclass(frozen=True, slots=True)
class VerifiedReview:
    """A signed review of one version whose signature, signer and subject were verified.

    Only `mcpreg.trust.reviews.verify_review` makes one. Days are UTC; the last one is inclusive.
    """

    kind: ReviewKind
    passed: bool
    reviewer: str
    organisation: str
    report: str
    reviewed_on: date
    expires_on: date


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What a tier is made of. `outcomes` are the record's checks, `downloads` the server's."""

    outcomes: tuple[CheckOutcome, ...]
    downloads: int = 0
    reviews: tuple[VerifiedReview, ...] = ()
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A tier and, in words, why this one and not the next."""

    tier: Tier
    reasons: tuple[str, ...]


def tier_of(facts: VersionFacts, today: date) -> Placed:
    """The tier of one version on a day (UTC).

    A failed check, or a review that failed and has not expired, leaves it unverified, whatever
    else speaks for it. A review counts from the day it was made to the day it expires.
    """
    if facts.listed:
        return Placed("unverified", ("it is only listed: nobody locked or checked it here",))
    against = tuple(_against(facts, today))
    if against:
        return Placed("unverified", against)
    notes = tuple(_not_in_force(facts.reviews, today))
    for kind, tier, word in _LIFTS:
        for review in facts.reviews:
            if review.kind == kind and _in_force(review, today):  # one that failed is `against`
                by = f"{review.reviewer} ({review.organisation})"
                by = by if review.organisation else review.reviewer
                said = f"{word} by {by} on {review.reviewed_on}, until {review.expires_on}"
                return Placed(tier, (said, *notes))
    if facts.downloads >= ENOUGH_DOWNLOADS:
        said = f"{facts.downloads} downloads, and no check failed"
        return Placed("community-trusted", (said, *notes))
    said = f"{facts.downloads} of {ENOUGH_DOWNLOADS} downloads, and no review"
    return Placed("unverified", (said, *notes))


def _in_force(review: VerifiedReview, today: date) -> bool:
    return review.reviewed_on <= today <= review.expires_on


def _against(facts: VersionFacts, today: date) -> Iterator[str]:
    if not facts.outcomes:
        yield "it has no report"
    failed = [check.id for check in facts.outcomes if check.result == "fail"]
    if failed:
        yield f"failed {', '.join(failed)}"
    for review in facts.reviews:
        if not review.passed and _in_force(review, today):
            yield f"failed the {review.kind} of {review.reviewer} on {review.reviewed_on}"


def _not_in_force(reviews: Iterable[VerifiedReview], today: date) -> Iterator[str]:
    for review in reviews:
        if review.expires_on < today:
            yield f"the {review.kind} of {review.reviewer} expired on {review.expires_on}"
        elif review.reviewed_on > today:
            yield f"the {review.kind} of {review.reviewer} is dated {review.reviewed_on}"
