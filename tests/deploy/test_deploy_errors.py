"""What a host can do to a deploy: each failure is a sentence, retries end, readers stay whole."""

from __future__ import annotations

import importlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_places import Clock, Place, request_for
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    PolicyError,
    UnreachableError,
    UsageError,
    VerificationError,
)
from mcpreg_site.deploy import bucket as bucket_module
from mcpreg_site.deploy import s3
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.failures import ConflictError
from mcpreg_site.deploy.lease import HEAD, Held, read_head
from mcpreg_site.deploy.source import HOST_FILES
from s3_proxy import Answer, Asked, Deed, HangUp, S3Proxy, s3_proxy
from site_generations import Generations

Put = Callable[..., s3.Deployed]


@pytest.fixture
def proxy(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """boto3 reaches the host through this; botocore does not sleep long between attempts."""
    backoff = importlib.import_module("botocore.retries.standard").ExponentialBackoff
    for name in ("throttling_base_scale", "non_throttling_base_scale"):
        monkeypatch.setitem(backoff._DEFAULT_BACKOFF_CONFIG, name, 0.01)
    monkeypatch.setattr(bucket_module, "ATTEMPTS", 3)
    with s3_proxy(place.host.url) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


def _refusal(status: int, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>said the host</Message></Error>".encode()
    return Answer(status, {"Content-Type": "application/xml"}, body)


def _whenever(method: str, part: str, answer: Callable[[Callable[[], Answer]], Answer]) -> Deed:
    def deed(asked: Asked, forward: Callable[[], Answer]) -> Answer:
        hit = asked.method == method and part in asked.path
        return answer(forward) if hit else forward()

    return deed


def _hang_up(_: Callable[[], Answer]) -> Answer:
    raise HangUp


def _wrong_etag(forward: Callable[[], Answer]) -> Answer:
    answer = forward()
    return Answer(answer.status, {**answer.headers, "ETag": f'"{"0" * 32}"'}, answer.body)


def _torn(forward: Callable[[], Answer]) -> Answer:
    answer = forward()
    return Answer(answer.status, answer.headers, answer.body, torn=True)


def _answering(status: int, code: str) -> Callable[[Callable[[], Answer]], Answer]:
    return lambda _: _refusal(status, code)


BUSY, BROKEN = _answering(503, "SlowDown"), _answering(500, "InternalError")
DENIED, SKEWED = _answering(403, "AccessDenied"), _answering(403, "RequestTimeTooSkewed")
FAILURES: list[tuple[str, Deed, type[McpregError], str]] = [
    ("busy", _whenever("PUT", "index.html", BUSY), UnreachableError, "index.html"),
    ("broken", _whenever("PUT", "directory.json", BROKEN), UnreachableError, "directory.json"),
    ("hang up", _whenever("PUT", "timestamp.json", _hang_up), UnreachableError, "timestamp.json"),
    ("denied", _whenever("PUT", "feed.xml", DENIED), PolicyError, "s3:PutObject"),
    ("clock", _whenever("PUT", "feed.xml", SKEWED), McpregError, "clock"),
    ("wrong etag", _whenever("PUT", "sitemap.xml", _wrong_etag), UnreachableError, "other bytes"),
    ("torn head", _whenever("GET", "head.json", _torn), UnreachableError, "breaks off"),
    ("torn list", _whenever("GET", "publications/", _torn), UnreachableError, "breaks off"),
    ("denied copy", _whenever("PUT", "/kept/", DENIED), PolicyError, "s3:GetObject"),
]


@pytest.mark.parametrize(
    ("deed", "kind", "words"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES]
)
def test_a_failure_is_told_and_leaves_readers_a_whole_site(
    deed: Deed,
    kind: type[McpregError],
    words: str,
    place: Place,
    proxy: S3Proxy,
    put: Put,
    generations: Generations,
) -> None:
    put(generations.sites[0])
    proxy.deed = deed
    proxy.asked.clear()
    with pytest.raises(kind, match=words) as failure:
        put(generations.sites[1])
    assert failure.value.hint
    # Bounded: no request was sent more often than it may be, the first included.
    tries = [ask.path.partition("?")[0] for ask in proxy.asked]
    head = f"/{place.bucket}/{place.prefix}{HEAD}"
    counts = [tries.count(path) for path in set(tries) - {head}]
    assert max(counts, default=0) <= 3 * bucket_module.ATTEMPTS
    reader = place.reader()
    assert len(reader.read_api()) in (2, 3)
    assert reader.read_pages()
    proxy.deed = lambda _, forward: forward()
    again = put(generations.sites[1])
    assert again.publication == 2
    assert len(place.reader().read_api()) == 3


def test_a_host_that_recovers_is_no_failure(
    place: Place, proxy: S3Proxy, put: Put, generations: Generations
) -> None:
    failed: set[str] = set()
    lock = threading.Lock()

    def once(asked: Asked, forward: Callable[[], Answer]) -> Answer:
        with lock:
            first = asked.method == "PUT" and asked.path not in failed and "tuf" in asked.path
            failed.add(asked.path)
        return _refusal(503, "SlowDown") if first else forward()

    proxy.deed = once
    assert put(generations.sites[0]).publication == 1
    assert len(place.reader().read_api()) == 2


def test_an_answer_that_is_lost_after_the_deed_is_no_conflict(
    place: Place, proxy: S3Proxy, put: Put, generations: Generations
) -> None:
    """Sent again, a conditional write finds its own first attempt."""
    put(generations.sites[0])
    lost: set[str] = set()
    lock = threading.Lock()

    def lose_once(asked: Asked, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        with lock:
            names = ("index.html", "timestamp.json", "assets/", "head.json", ".root.json")
            hit = asked.method == "PUT" and any(name in asked.path for name in names)
            first = hit and asked.path not in lost
            lost.add(asked.path)
        if first:
            raise HangUp
        return answer

    proxy.deed = lose_once
    assert put(generations.sites[1]).publication == 2
    assert len(place.reader().read_api()) == 3


def test_a_missing_bucket_and_wrong_addresses_are_told(
    place: Place, generations: Generations
) -> None:
    with pytest.raises(NotFoundError, match="there is no bucket"):
        s3.deploy(Bucket("s3://nowhere-at-all/x", 1), request_for(generations.sites[0]))
    for address in ("s3://", "s3:///x", "http://bucket"):
        with pytest.raises(UsageError, match="names no bucket"):
            Bucket(address, 1)


def test_no_credentials_are_told(
    monkeypatch: pytest.MonkeyPatch, place: Place, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="credentials"):
        read_head(Bucket(place.address, 1))


def test_a_second_deploy_waits_for_the_first_or_is_refused(
    place: Place, put: Put, generations: Generations, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcpreg_site.deploy.owner.is_gone", lambda _: False)
    put(generations.sites[0])
    first = Held(Bucket(place.address, 1))
    first.acquire(0)
    with pytest.raises(ConflictError, match="is being deployed to by process"):
        put(generations.sites[1])
    clock.ahead = timedelta(seconds=91)  # its time is up
    put(generations.sites[1])
    # The first one wakes: it may write no pointer and no head.
    with pytest.raises(ConflictError):
        first.update()
    assert len(place.reader().read_api()) == 3


def test_two_deploys_at_once_end_with_one_whole_site(
    place: Place, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcpreg_site.deploy.lease._LOOK_AGAIN", 0.05)
    outcomes: list[object] = []

    def run(site: Path) -> None:
        try:
            request = request_for(site, wait=60.0)
            outcomes.append(s3.deploy(Bucket(place.address, 4), request))
        except McpregError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(site,)) for site in generations.sites[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The older one is refused when it comes second: TUF would go back.
    assert all(isinstance(o, s3.Deployed | VerificationError) for o in outcomes), outcomes
    assert len(place.reader().read_api()) == 3


def test_a_pointer_that_somebody_else_changed_is_not_written_over_unseen(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    place.client.put_object(Bucket=place.bucket, Key=place.prefix + "index.html", Body=b"by hand")
    with pytest.raises(ConflictError, match=r"index\.html was changed by somebody else"):
        put(generations.sites[1])
    assert place.get("index.html") == b"by hand"
    put(generations.sites[1])
    assert b"by hand" not in (place.get("index.html") or b"")


@pytest.mark.parametrize("data", [b"{}x", b"[]", b'{"mcpregDeploy": 2}', b"\xff"])
def test_a_head_that_no_deploy_wrote_is_refused(
    place: Place, put: Put, generations: Generations, data: bytes
) -> None:
    place.client.put_object(Bucket=place.bucket, Key=place.prefix + HEAD, Body=data)
    with pytest.raises(VerificationError, match=r"head\.json"):
        put(generations.sites[0])


def test_an_inventory_that_was_altered_is_refused(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    (path,) = (path for path in place.paths() if "publications/" in path)
    place.client.put_object(Bucket=place.bucket, Key=place.prefix + path, Body=b"\x1f\x8bnonsense")
    with pytest.raises(VerificationError, match="cannot be used"):
        put(generations.sites[1])


def test_without_the_head_everything_is_written_once_more(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    place.client.delete_object(Bucket=place.bucket, Key=place.prefix + HEAD)
    done = put(generations.sites[1])
    assert done.publication == 1
    assert len(place.reader().read_api()) == 3


def test_a_deploy_that_takes_long_renews_its_lease(
    place: Place, put: Put, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(generations.sites[0])
    heads: list[str] = []
    real = Bucket.put

    def note(self: Bucket, path: str, *rest: Any, **more: Any) -> str:  # noqa: ANN401  # put's
        if path == HEAD:
            heads.append(path)
        return real(self, path, *rest, **more)

    monkeypatch.setattr(Bucket, "put", note)
    put(generations.sites[1])
    usual = len(heads)
    ticks, now = itertools.count(), time.monotonic
    monkeypatch.setattr("mcpreg_site.deploy.lease.time.monotonic", lambda: now() + 20 * next(ticks))
    put(generations.sites[2])
    assert len(heads) - usual > usual + 10
    assert read_head(Bucket(place.address, 1)).lease is None


def test_what_a_deploy_that_was_given_up_left_goes_when_its_grace_is_over(
    place: Place, proxy: S3Proxy, put: Put, generations: Generations, clock: Clock
) -> None:
    put(generations.sites[0])
    proxy.deed = _whenever("PUT", "timestamp.json", DENIED)
    with pytest.raises(PolicyError):
        put(generations.sites[1])
    proxy.deed = lambda _, forward: forward()
    put(generations.sites[2])
    clock.ahead = timedelta(days=8)
    put(generations.sites[2])
    records = {path for path in place.paths() if path.startswith(".mcpreg/")}
    assert len(records) == 2  # the head and one inventory
    wanted = {p for p in generations.sites[2].rglob("*") if p.is_file()}
    names = {str(p.relative_to(generations.sites[2])) for p in wanted} - HOST_FILES
    assert place.paths() - records == names


def test_a_deploy_with_nothing_to_do_asks_a_handful_of_questions(
    proxy: S3Proxy, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    proxy.asked.clear()
    put(generations.sites[0])
    assert len(proxy.asked) <= 6
