"""What upstream writes for `docker run` becomes inputs and folders, or is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.answers import resolve, source
from mcpreg.core.docker_options import Handed, Mount, Refused, Word, capabilities, read, words_of
from mcpreg.core.inputs import input_specs, questions
from mcpreg.core.manifest import Package
from mcpreg.core.placing import place
from mcpreg.usecases.init import draft_from_file

IMAGE = "ghcr.io/acme/clock"


def meaning(*words: str) -> list[Mount | Handed | Refused]:
    return list(read([Word(index, text) for index, text in enumerate(words)], IMAGE))


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-i", "--rm", "--init", IMAGE),
        ("docker", "run", "-it", f"{IMAGE}:1.2.0"),
        ("-p", "8080:8080", "-u", "1000", "-w", "/x", "--name=clock", "--network", "none"),
    ],
)
def test_what_means_nothing_here_is_passed_over(words: tuple[str, ...]) -> None:
    assert meaning(*words) == []


def test_variables_and_folders_are_understood_in_every_spelling() -> None:
    assert meaning("-e", "A", "--env", "B=x={y}", "--env=C=1") == [
        Handed(1, "A", None),
        Handed(3, "B", "x={y}"),
        Handed(4, "C", "1"),
    ]
    assert meaning("-v", "{f}:/data:ro", "--volume={g}:/more/") == [
        Mount(1, "f", "/data", True),
        Mount(2, "g", "/more", False),
    ]
    assert meaning("--mount", "type=bind,src={f},dst=/mnt/,ro") == [Mount(1, "f", "/mnt", True)]


def test_what_they_need_is_what_a_manifest_asks_for() -> None:
    found = meaning("-v", "{f}:/data:ro", "-v", "{g}:/out", "-e", "A", "-e", "B={b}", "--init")
    assert capabilities(found) == ("fs:read:{f}/**", "fs:write:{g}/**", "env:A")


def test_a_draft_asks_for_it_and_says_what_is_not_carried_out(tmp_path: Path) -> None:
    arguments = [
        {"type": "named", "name": "-v", "value": "{ws}:/ws", "variables": {"ws": {}}},
        {"type": "named", "name": "--privileged"},
        {"type": "named", "name": 7},
        "--rm",
    ]
    image = {"registryType": "oci", "identifier": IMAGE, "runtimeArguments": arguments}
    server = {"name": "io.github.acme/clock", "description": "x", "version": "1.0.0"}
    path = tmp_path / "server.json"
    path.write_text(json.dumps({**server, "packages": [image]}))
    draft = draft_from_file(path, name=None, description=None)
    assert draft.document["capabilities"] == {"sandbox": ["fs:write:{ws}/**"]}
    assert any("--privileged of docker run is not carried out" in note for note in draft.notes)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--privileged",), "every device and every power of root"),
        (("--privileged=true",), "every device"),
        (("--pid=host",), "other processes"),
        (("--pid", "host"), "other processes"),
        (("--network", "host"), "only hosts of net:egress"),
        (("--net=container:db",), "only hosts of net:egress"),
        (("--network", "{network}"), "only hosts of net:egress"),
        (("-v", "/var/run/docker.sock:/var/run/docker.sock"), "the whole machine"),
        (("-v", "{socket}:/run/docker.sock"), "the whole machine"),
        (("--mount", "type=bind,src=/run/podman/podman.sock,dst=/s"), "the whole machine"),
        (("-v", "/etc:/host:ro"), "names a folder of the person's"),
        (("-v", "~/.ssh:/keys"), "names a folder of the person's"),
        (("-v", "cache:/data"), "nothing is kept between runs"),
        (("-v", "{f}:relative"), "absolute path"),
        (("-v", "{f}:/a/../../etc"), "absolute path"),
        (("--mount", "type=volume,src=x,dst=/y"), "type=bind"),
        (("--cap-add", "SYS_ADMIN"), "a power of root"),
        (("--security-opt=seccomp=unconfined",), "system-call filter"),
        (("--device", "/dev/kvm"), "a device"),
        (("--entrypoint", "sh"), "another program"),
        (("--env-file", "/home/you/.env"), "a file of the person's"),
        (("--frobnicate", "x"), "nothing here carries it out"),
        (("-e", "A B=c"), "names no variable"),
        (("--rm", "other/image"), "no option"),
        ((IMAGE, "serve"), "packageArguments"),
    ],
)
def test_refuses_what_opens_the_machine_and_names_it(words: tuple[str, ...], why: str) -> None:
    (found,) = meaning(*words)
    assert isinstance(found, Refused)
    assert why in found.why
    assert found.option


def package(*arguments: dict[str, Any]) -> Package:
    document = {
        "registryType": "oci",
        "identifier": f"{IMAGE}@sha256:{'0' * 64}",
        "transport": {"type": "stdio"},
        "runtimeArguments": list(arguments),
    }
    return Package.model_validate_json(json.dumps(document))


def test_the_commonest_form_in_the_wild_asks_for_its_token() -> None:
    found = package(
        {"type": "named", "name": "--rm", "value": "true"},
        {"type": "named", "name": "-e", "value": "TOKEN={token}",
         "variables": {"token": {"isRequired": True, "isSecret": True}}},
        {"type": "named", "name": "-e", "value": "MODE", "isRequired": True},
    )  # fmt: skip
    specs = input_specs(found)
    asked = {question.name: question for question in questions(specs)}
    assert asked["token"].secret
    assert asked["MODE"].required
    given = {"token": ("s3",), "MODE": ("x",)}
    filled = place(specs, resolve(asked.values(), [source("test", given)]).answers)
    assert filled.environment == {"TOKEN": "s3", "MODE": "x"}
    assert filled.argv == ()


def test_a_folder_is_asked_for_and_never_an_argument() -> None:
    item = {"type": "named", "name": "-v", "value": "{ws}:/workspace",
            "variables": {"ws": {"isRequired": True, "format": "filepath"}}}  # fmt: skip
    specs = input_specs(package(item))
    assert [question.name for question in questions(specs)] == ["ws"]
    (mount,) = specs
    assert (mount.kind, mount.name, mount.value) == ("mount", "/workspace", "{ws}")
    answers = resolve(questions(specs), [source("test", {"ws": ("/home/me",)})]).answers
    assert place(specs, answers).argv == ()


def test_options_of_other_packages_are_nobodys() -> None:
    found = package({"type": "named", "name": "-e", "value": "A"})
    other = found.model_copy(update={"registry_type": "npm", "identifier": "x"})
    assert input_specs(other) == ()


@given(st.lists(st.text("-ev={}:/.a \n", max_size=12), max_size=8))
def test_any_words_are_read_without_an_error(texts: list[str]) -> None:
    found = meaning(*texts)
    for item in found:
        assert 0 <= item.index < len(texts)
        if isinstance(item, Mount):
            assert item.target.startswith("/")
            assert ".." not in item.target.split("/")


def test_words_keep_the_place_that_they_come_from() -> None:
    assert words_of([("-e", "A"), (None, "run")]) == (
        Word(0, "-e"),
        Word(0, "A"),
        Word(1, "run"),
    )
