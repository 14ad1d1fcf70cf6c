"""Other hosts: rclone's S3 for headers and volume, moto's CloudFront for its caches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy_places import Place, request_for
from mcpreg.errors import NotFoundError
from mcpreg_site.deploy import s3
from mcpreg_site.deploy.bodies import KeptBodies
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.cloudfront import (
    EVERYTHING,
    MAX_PATHS,
    MAX_WILDCARDS,
    Distribution,
    invalidation_paths,
)
from mcpreg_site.deploy.lease import read_head
from mcpreg_site.deploy.rollback import find_publication, restored_files
from mcpreg_site.headers import headers_of
from s3_hosts import rclone_host
from site_generations import Generations

Put = Callable[..., s3.Deployed]


def test_rclones_s3_takes_a_deploy_with_every_header_and_a_rollback(
    tmp_path: Path, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site-bucket").mkdir()
    with rclone_host(tmp_path) as host:
        for name, value in host.environment.items():
            monkeypatch.setenv(name, value)
        place = Place(host, "site-bucket")
        bucket = Bucket(place.address, 8)
        first = s3.deploy(bucket, request_for(generations.sites[0]))
        assert not first.conditional  # it ignores conditions, and the deploy notices
        s3.deploy(bucket, request_for(generations.sites[1]))
        files = [
            p
            for p in generations.sites[1].rglob("*")
            if p.is_file() and p.suffix not in (".toml", ".conf")
        ]
        for file in files:
            path = str(file.relative_to(generations.sites[1]))
            assert place.get(path) == file.read_bytes()
            found = place.client.head_object(Bucket=place.bucket, Key=place.prefix + path)
            wanted = headers_of(f"/{path}")
            assert found["ContentType"] == wanted["Content-Type"], path
            assert found["CacheControl"] == wanted["Cache-Control"], path
        assert place.reader().read_pages()
        head = read_head(bucket)
        back = restored_files(bucket, head, find_publication(head, None))
        s3.deploy(bucket, request_for(generations.sites[1], bodies=KeptBodies(bucket, back)))
        assert len(place.reader().read_api()) == 2


@pytest.fixture
def distribution(place: Place) -> tuple[str, Any]:
    """A distribution at moto, and a client that looks at it."""
    client = place.host.client("cloudfront")
    made = client.create_distribution(
        DistributionConfig={
            "CallerReference": place.bucket,
            "Comment": "",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {"Id": "o", "DomainName": "bucket.s3.amazonaws.com", "OriginPath": "/registry",
                     "S3OriginConfig": {"OriginAccessIdentity": ""}}
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "redirect-to-https",
            },
        }
    )  # fmt: skip
    return str(made["Distribution"]["Id"]), client


def _invalidated(client: Any, identifier: str) -> list[list[str]]:  # noqa: ANN401  # of boto3
    listed = client.list_invalidations(DistributionId=identifier)["InvalidationList"]
    found = [
        client.get_invalidation(DistributionId=identifier, Id=item["Id"])["Invalidation"]
        for item in listed.get("Items", [])
    ]
    return [item["InvalidationBatch"]["Paths"]["Items"] for item in found]


def test_the_caches_are_told_what_changed_and_nothing_else(
    put: Put, generations: Generations, distribution: tuple[str, Any]
) -> None:
    identifier, client = distribution
    told = Distribution(identifier)
    put(generations.sites[0], invalidate=told.invalidate)
    put(generations.sites[1], invalidate=told.invalidate)
    put(generations.sites[1], invalidate=told.invalidate)
    batches = _invalidated(client, identifier)
    assert len(batches) == 1  # the first site changed nothing, and the third deploy had no work
    assert {"/", "/index.html", "/tuf/timestamp.json", "/v0.1/*"} <= set(batches[0])
    assert not any(path.startswith(("/assets/", "/targets/")) for path in batches[0])


def test_a_deploy_that_was_cut_off_before_telling_tells_all(
    put: Put, generations: Generations, distribution: tuple[str, Any]
) -> None:
    identifier, client = distribution
    put(generations.sites[0])

    def cut_off(_: object, __: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(generations.sites[1], invalidate=cut_off)
    put(generations.sites[1], invalidate=Distribution(identifier).invalidate)
    assert _invalidated(client, identifier) == [["/*"]]


def test_a_distribution_that_is_not_there_is_told_before_anything_is_written(place: Place) -> None:
    with pytest.raises(NotFoundError, match="distribution"):
        Distribution("E0000000000000").require()
    assert place.paths() == set()


def test_many_changes_become_few_wildcards() -> None:
    pages = [f"servers/io.github.acme/s{n}/index.html" for n in range(MAX_PATHS)]
    assert invalidation_paths([*pages, "index.html"]) == ("/", "/index.html", "/servers/*")
    spread = [f"folder{n}/page{m}.html" for n in range(MAX_WILDCARDS + 1) for m in range(10)]
    assert invalidation_paths(spread) == EVERYTHING
    assert invalidation_paths(None) == EVERYTHING
    assert invalidation_paths([]) == ()
    assert invalidation_paths(["a b/ü.html"]) == ("/a%20b/%C3%BC.html",)
