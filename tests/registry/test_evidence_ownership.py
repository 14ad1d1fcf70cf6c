"""Which server a package says it belongs to, from the files that were installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mcpreg.checks import examples
from mcpreg.core.evidence import Missing, PackageClaim
from mcpreg.core.lock import ImageRuntime, Lock, LockedImage, LockedPackage, parse_lock
from mcpreg.core.manifest import Manifest
from mcpreg.evidence.installed import UNCLAIMED, Installed, NotInstallable
from mcpreg.evidence.ownership import LABEL, MAX_METADATA, image_ownership, ownership
from oci_registry import OciRegistry, serving
from tiny_registry import make_manifest

NAME = "io.github.acme/clock"
PYPI, NPM = "acme_clock-1.0.0.dist-info/METADATA", "node_modules/@acme/clock/package.json"


def tree(root: Path, kind: str, own: str, files: dict[str, str]) -> Installed:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Installed(root, kind, own, (own,), dict.fromkeys(files, own))


def manifest(kind: str, identifier: str) -> Manifest:
    package = {"registryType": kind, "identifier": identifier, "version": "1.0.0"}
    return make_manifest(NAME, "1.0.0", packages=[package | {"transport": {"type": "stdio"}}])


def claim(found: tuple[PackageClaim, ...] | Missing) -> PackageClaim:
    assert isinstance(found, tuple)
    (one,) = found
    return one


def of_pypi(root: Path, files: dict[str, str]) -> PackageClaim:
    installed = tree(root, "pypi", "acme-clock@1.0.0", files)
    return claim(ownership(manifest("pypi", "acme.clock"), installed))


def of_npm(root: Path, files: dict[str, str]) -> PackageClaim:
    installed = tree(root, "npm", "@acme/clock@1.0.0", files)
    return claim(ownership(manifest("npm", "@acme/clock"), installed))


@pytest.mark.parametrize(
    "readme",
    [f"<!-- mcp-name: {NAME} -->", f"mcp-name:{NAME}", f"It is called mcp-name: {NAME}."],
)
def test_reads_the_name_in_a_pypi_readme(tmp_path: Path, readme: str) -> None:
    found = of_pypi(tmp_path, {PYPI: f"Name: acme-clock\n\n{readme}\n"})
    assert (found.index, found.names) == (0, (NAME,))


def test_reads_mcp_name_in_package_json(tmp_path: Path) -> None:
    assert of_npm(tmp_path, {NPM: json.dumps({"mcpName": NAME})}).names == (NAME,)


def test_a_package_that_says_nothing_names_nobody(tmp_path: Path) -> None:
    assert of_pypi(tmp_path, {PYPI: "Name: acme-clock\n\nA clock\n"}).names == ()


def test_another_packages_metadata_does_not_speak_for_this_one(tmp_path: Path) -> None:
    """A dependency can leave any file beside it; nobody lists it, so it lies with the rest."""
    said = f"mcp-name: {NAME}\n"
    planted = {"evil-1.0.0.dist-info/METADATA": said, "x/METADATA": said, "METADATA": said}
    assert of_pypi(tmp_path, {PYPI: "Name: acme-clock\n", **planted}).names == ()


def test_a_file_that_nobody_lists_does_not_speak_for_it(tmp_path: Path) -> None:
    """As if it were another version's own metadata, left there by a dependency."""
    planted = "acme_clock-9.9.9.dist-info/METADATA"
    files = {PYPI: "Name: acme-clock\n", planted: f"mcp-name: {NAME}\n"}
    installed = tree(tmp_path, "pypi", "acme-clock@1.0.0", files)
    owners = {**installed.owners, planted: UNCLAIMED}
    unlisted = replace(installed, owners=owners)
    assert claim(ownership(manifest("pypi", "acme.clock"), unlisted)).names == ()


def test_a_bundled_packages_name_does_not_speak_for_this_one(tmp_path: Path) -> None:
    bundled = "node_modules/@acme/clock/node_modules/evil/package.json"
    files = {NPM: "{}", bundled: json.dumps({"mcpName": NAME})}
    assert of_npm(tmp_path, files).names == ()


@pytest.mark.parametrize("text", ["", "[]", '{"mcpName": 1}', "[" * 100_000, '{"mcpName":'])
def test_broken_metadata_names_nobody(tmp_path: Path, text: str) -> None:
    assert of_npm(tmp_path, {NPM: text}).names == ()


def test_reads_no_more_than_the_cap(tmp_path: Path) -> None:
    assert of_pypi(tmp_path, {PYPI: "x" * MAX_METADATA + f"mcp-name: {NAME}"}).names == ()


def test_hundreds_of_claims_are_a_few(tmp_path: Path) -> None:
    many = "\n".join(f"mcp-name: io.github.acme/s{number}" for number in range(500))
    assert len(of_pypi(tmp_path, {PYPI: many}).names) == 20


# --- images --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images() -> Iterator[OciRegistry]:
    with serving() as registry:
        yield registry


def image_lock(images: OciRegistry, *labels: object) -> tuple[Manifest, Lock]:
    """A lock of one image a label, as one name has them for several platforms."""
    configs = []
    for number, label in enumerate(labels):
        config = {"Labels": {LABEL: label}, "Env": [f"NUMBER={number}"]}
        configs.append(images.add_blob(json.dumps({"config": config}).encode())["digest"])
    identifier = f"{images.address}/acme/clock@sha256:{'1' * 64}"
    rows = tuple(
        LockedImage(platform="linux-x86_64", manifest=f"sha256:{'2' * 64}", config=name, layers=())
        for name in configs
    )
    package = LockedPackage(registry_type="oci", identifier=identifier, version="")
    lock = parse_lock(examples.lock(package=package, images=rows, runtime=ImageRuntime(kind="oci")))
    declared = {"registryType": "oci", "identifier": identifier, "transport": {"type": "stdio"}}
    return make_manifest(NAME, "1.0.0", packages=[declared]), lock


def test_reads_the_label_of_an_image(images: OciRegistry) -> None:
    assert claim(image_ownership(*image_lock(images, NAME))).names == (NAME,)


@pytest.mark.parametrize(
    "labels",
    [
        (None,),
        (1,),
        ("",),
        ("no name",),
        (f"{NAME} io.github.eve/clock",),
        # The image of one platform speaks for no other.
        (NAME, None),
        (NAME, "io.github.eve/clock"),
    ],
)
def test_an_image_that_says_nothing_for_all_its_platforms_names_nobody(
    images: OciRegistry, labels: tuple[object, ...]
) -> None:
    assert claim(image_ownership(*image_lock(images, *labels))).names == ()


def test_a_configuration_that_the_registry_replaced_is_not_believed(images: OciRegistry) -> None:
    """The label cannot be added afterwards: the digest in the lock covers it."""
    manifest, lock = image_lock(images, "io.github.eve/clock")
    config = (lock.images or ())[0].config
    images.tamper[config] = json.dumps({"config": {"Labels": {LABEL: NAME}}}).encode()
    try:
        assert isinstance(image_ownership(manifest, lock), Missing)
    finally:
        images.tamper.clear()


def test_an_image_of_another_package_is_not_asked(images: OciRegistry) -> None:
    _, lock = image_lock(images, NAME)
    assert isinstance(image_ownership(manifest("pypi", "acme-clock"), lock), Missing)


def test_what_was_not_installed_was_not_asked(tmp_path: Path) -> None:
    offline = Missing("no network here")
    assert ownership(manifest("pypi", "acme-clock"), offline) is offline
    gone = ownership(manifest("pypi", "acme-clock"), NotInstallable("a@1", (), "it is gone"))
    assert gone == Missing("it is gone", ours=False)
    other = tree(tmp_path, "pypi", "other@1.0.0", {})
    assert isinstance(ownership(manifest("pypi", "acme-clock"), other), Missing)


@pytest.mark.parametrize(
    ("name", "url", "held"),
    [
        (NAME, "https://github.com/acme/clock/releases/download/1/c.mcpb", True),
        (NAME, "https://github.com/Acme/clock/releases/download/1/c.mcpb", True),
        (NAME, "https://github.com/eve/acme/releases/download/1/c.mcpb", False),
        (NAME, "https://github.com.example/acme/c.mcpb", False),
        (NAME, "https://github.com@example.com/acme/c.mcpb", False),
        ("com.example/clock", "https://downloads.example.com/c.mcpb", True),
        ("com.example/clock", "https://notexample.com/c.mcpb", False),
        ("com.example/clock", "https://github.com/com.example/c.mcpb", False),
    ],
)
def test_a_bundle_belongs_to_whoever_holds_its_address(
    tmp_path: Path, name: str, url: str, *, held: bool
) -> None:
    ours = manifest("mcpb", url).model_copy(update={"name": name})
    found = claim(ownership(ours, tree(tmp_path, "mcpb", f"{url}@1.0.0", {"manifest.json": "{}"})))
    assert found.names == ((name,) if held else ())
