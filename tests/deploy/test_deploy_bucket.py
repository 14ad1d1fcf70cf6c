"""A site in a bucket: what is written, in which order, what stays, and what comes back."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy_places import Clock, Place
from mcpreg.errors import McpregError, VerificationError
from mcpreg_site import netlify, nginx, tree
from mcpreg_site.cli.main import cli
from mcpreg_site.deploy import s3, source
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.inventory import Inventory
from mcpreg_site.deploy.lease import read_head
from mcpreg_site.deploy.order import Step
from mcpreg_site.deploy.plan import live_of, make_plan
from mcpreg_site.headers import headers_of
from site_generations import Generations

Put = Callable[..., s3.Deployed]


def _files(folder: Path) -> dict[str, bytes]:
    """The site as built, apart from what is there for other hosts."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if path not in source.HOST_FILES}


def _shown(place: Place) -> dict[str, bytes | None]:
    return {path: place.get(path) for path in place.paths() if not path.startswith(".mcpreg/")}


def test_the_names_that_deploys_know_are_those_of_the_generator() -> None:
    assert source.MARKER == tree.MARKER
    assert {netlify.FILE, nginx.HTTP, nginx.SERVER} == source.HOST_FILES


def test_the_bucket_holds_the_site_byte_by_byte(
    place: Place, put: Put, generations: Generations
) -> None:
    done = put(generations.sites[0])
    assert done.publication == 1
    assert done.conditional
    assert _shown(place) == _files(generations.sites[0])


def test_every_object_has_the_headers_of_the_table(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    for path in _files(generations.sites[0]):
        found = place.client.head_object(Bucket=place.bucket, Key=place.prefix + path)
        wanted = headers_of(f"/{path}")
        assert found["ContentType"] == wanted["Content-Type"], path
        assert found["CacheControl"] == wanted["Cache-Control"], path
        assert found.get("ContentDisposition") == wanted.get("Content-Disposition"), path


def test_only_what_browsers_alone_read_is_stored_compressed(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    encoded = set()
    for path in place.paths():
        found = place.client.get_object(Bucket=place.bucket, Key=place.prefix + path)
        if "ContentEncoding" in found:
            encoded.add(path)
            assert gzip.decompress(found["Body"].read()) == _files(generations.sites[0])[path]
    assert "index.html" in encoded
    assert {path.rpartition(".")[2] for path in encoded} == {"html", "css", "js"}
    assert not any(path.startswith(("tuf/", "targets/", "api/")) for path in encoded)


def test_the_second_deploy_writes_what_changed_and_asks_about_no_object(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    first, second = map(_files, generations.sites[:2])
    done = put(generations.sites[1])
    written = {upload.path for upload in done.plan.uploads}
    assert written == {path for path, data in second.items() if first.get(path) != data}
    assert len(written) < len(second)
    assert second.items() <= _shown(place).items()


def test_deploying_the_same_again_writes_nothing(put: Put, generations: Generations) -> None:
    put(generations.sites[0])
    again = put(generations.sites[0])
    assert (again.publication, again.sent, again.plan.uploads) == (1, 0, ())


def test_what_an_earlier_site_had_stays_for_the_grace_and_then_goes(
    place: Place, put: Put, generations: Generations, clock: Clock
) -> None:
    first, second = map(_files, generations.sites[:2])
    dropped = first.keys() - second.keys()
    assert any(path.startswith("assets/") for path in dropped)
    put(generations.sites[0])
    put(generations.sites[1])
    clock.ahead = timedelta(days=6, hours=23)
    put(generations.sites[1])
    assert dropped <= place.paths()
    clock.ahead = timedelta(days=7, hours=1)
    assert put(generations.sites[1]).plan.uploads == ()
    assert _shown(place) == second
    assert {path for path in place.paths() if path.startswith(".mcpreg/kept/")} == set()
    assert len([path for path in place.paths() if "publications/" in path]) == 1


def test_without_a_grace_what_left_the_site_is_gone_at_once(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[0])
    put(generations.sites[1], grace=timedelta(0))
    assert _shown(place) == _files(generations.sites[1])
    assert len([path for path in place.paths() if path.startswith(".mcpreg/")]) == 2


def test_a_file_that_comes_back_before_its_grace_is_over_is_not_deleted(
    place: Place, put: Put, generations: Generations, clock: Clock, tmp_path: Path
) -> None:
    site = Path(shutil.copytree(generations.sites[0], tmp_path / "site"))
    (site / "note.html").write_text("here")
    put(site)
    (site / "note.html").unlink()
    put(site)
    clock.ahead = timedelta(days=8)
    (site / "note.html").write_text("here")
    put(site)
    clock.ahead = timedelta(days=16)
    put(site)
    assert place.get("note.html") == b"here"


def test_files_of_others_in_the_same_bucket_are_left_alone(
    place: Place, put: Put, generations: Generations, clock: Clock
) -> None:
    place.client.put_object(Bucket=place.bucket, Key="registry/logs/2026.txt", Body=b"log")
    place.client.put_object(Bucket=place.bucket, Key="registry/index.html", Body=b"coming soon")
    put(generations.sites[0])
    clock.ahead = timedelta(days=30)
    put(generations.sites[1])
    assert place.get("logs/2026.txt") == b"log"
    assert b"coming soon" not in (place.get("index.html") or b"")


def test_new_paths_come_first_and_the_timestamp_last(generations: Generations, put: Put) -> None:
    put(generations.sites[0])
    plan = put(generations.sites[1]).plan
    assert [upload.path for upload in plan.step(Step.TIMESTAMP)] == ["tuf/timestamp.json"]
    order = {upload.path: upload.step for upload in plan.uploads}
    before = _files(generations.sites[0])
    assert all(step <= Step.NEW for path, step in order.items() if path not in before)
    assert order["api/v0.1/all/first.json"] is Step.POINTER
    assert order["api/v0.1/servers/io.github.acme/clock/versions.json"] is Step.DETAIL


def test_rollback_restores_pages_and_keeps_tuf_going_forward(
    place: Place,
    put: Put,
    generations: Generations,
    front: Callable[[Place], str],
    tmp_path: Path,
) -> None:
    put(generations.sites[0])
    put(generations.sites[1])
    address = front(place)
    client = generations.client(address, tmp_path / "seen-second")
    client.refresh()
    newest = place.get("tuf/timestamp.json")
    done = CliRunner().invoke(cli, ["deploy", place.address, "--rollback", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["publication"] == 3
    shown, first = _shown(place), _files(generations.sites[0])
    for path, data in first.items():
        if not path.startswith("tuf/"):
            assert shown[path] == data, path
    assert place.get("tuf/timestamp.json") == newest
    # Who has seen the second, who saw nothing, and who only reads pages are all led to an end.
    for name in ("seen-second", "new"):
        reader = generations.client(address, tmp_path / name)
        index = reader.server("io.github.acme/clock")
        assert [version.version for version in index.versions] == ["1.0.0", "1.1.0"]
        for version in index.versions:
            assert reader.blob(version.manifest)
    listed = place.reader().read_api()
    assert listed == {"io.github.acme/clock@1.0.0", "io.github.acme/almanac@1.0.0"}
    assert place.reader().read_pages()
    head = read_head(Bucket(place.address, 1))
    assert [item.restores for item in head.publications] == [None, None, 1]
    again = put(generations.sites[2])
    assert again.publication == 4
    third = _files(generations.sites[2])
    assert third.items() <= _shown(place).items()


def test_rollback_names_what_cannot_be_restored(
    place: Place, put: Put, generations: Generations, clock: Clock
) -> None:
    put(generations.sites[0])
    run = CliRunner()
    alone = run.invoke(cli, ["deploy", place.address, "--rollback"])
    assert isinstance(alone.exception, McpregError)
    assert "no earlier publication" in alone.exception.message
    put(generations.sites[1])
    clock.ahead = timedelta(days=8)
    put(generations.sites[2])
    gone = run.invoke(cli, ["deploy", place.address, "--rollback", "1"])
    assert isinstance(gone.exception, McpregError)
    assert "publication 1 is not one that can be restored" in gone.exception.message
    assert run.invoke(cli, ["deploy", place.address, "--rollback", "2"]).exit_code == 0


def test_an_older_signed_state_is_refused_and_nothing_is_touched(
    place: Place, put: Put, generations: Generations
) -> None:
    put(generations.sites[1])
    before = _shown(place)
    with pytest.raises(VerificationError, match="refuse to go back"):
        put(generations.sites[0])
    assert _shown(place) == before


def test_an_unsigned_site_does_not_replace_a_signed_one(
    place: Place, put: Put, generations: Generations, tmp_path: Path
) -> None:
    put(generations.sites[0])
    unsigned = Path(shutil.copytree(generations.sites[0], tmp_path / "site"))
    shutil.rmtree(unsigned / "tuf")
    with pytest.raises(VerificationError, match="not signed"):
        put(unsigned)


def test_two_contents_under_one_tuf_version_are_refused(
    place: Place, put: Put, generations: Generations, tmp_path: Path
) -> None:
    put(generations.sites[0])
    forged = Path(shutil.copytree(generations.sites[1], tmp_path / "site"))
    (forged / "tuf" / "1.snapshot.json").write_bytes(b"{}")
    with pytest.raises(VerificationError, match=r"1\.snapshot\.json has other content"):
        put(forged)


def test_a_dry_run_changes_nothing_and_lists_every_file(
    place: Place, generations: Generations
) -> None:
    arguments = ["deploy", place.address, "--site", str(generations.sites[0]), "--dry-run"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "timestamp + tuf/timestamp.json" in done.stdout
    assert place.paths() == set()
    document = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert set(document["data"]["uploads"]) == _files(generations.sites[0]).keys()


def test_the_publications_are_listed(place: Place, put: Put, generations: Generations) -> None:
    put(generations.sites[0])
    put(generations.sites[1])
    done = CliRunner().invoke(cli, ["deploy", place.address, "--list", "--json"])
    found = json.loads(done.stdout)["data"]["publications"]
    assert [item["number"] for item in found] == [1, 2]
    words = CliRunner().invoke(cli, ["deploy", place.address, "--list"]).stdout
    assert words.splitlines()[-1].endswith("(current)")


def test_roots_go_in_their_order_after_all_pages_and_before_the_timestamp() -> None:
    files = {f"tuf/{number}.root.json": "a" for number in (10, 9, 2)}
    files |= {"tuf/timestamp.json": "a", "tuf/3.snapshot.json": "a", "index.html": "a"}
    now = datetime(2026, 11, 21, tzinfo=UTC)
    plan = make_plan(files, live_of(Inventory()), now, timedelta(days=7))
    order = [upload.path for step in Step for upload in plan.step(step)]
    assert order == [
        "tuf/3.snapshot.json",
        "index.html",
        "tuf/2.root.json",
        "tuf/9.root.json",
        "tuf/10.root.json",
        "tuf/timestamp.json",
    ]
