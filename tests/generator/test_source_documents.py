"""Source documents in every shape that people have them in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.errors import McpregError, UsageError
from mcpreg_site.sources import durations
from mcpreg_site.sources.documents import MAX_DOCUMENT, load_sources
from mcpreg_site.sources.interface import (
    ConfigMapLocation,
    FileLocation,
    Filter,
    GitLocation,
    Globs,
    RegistryLocation,
    Retry,
    Source,
    UnsupportedLocation,
    UrlLocation,
)
from mcpreg_site.sources.kubernetes import CLUSTER_ONLY
from mcpreg_site.sources.locations import IGNORED
from mcpreg_site.sources.serverconfig import SERVER_ONLY

Json = dict[str, Any]


def load(*documents: Json, file: str = "far.yaml") -> tuple[Source, ...]:
    return load_sources({file: yaml.safe_dump_all(documents).encode()})


def resource(spec: Json, name: str = "far") -> Json:
    return {
        "apiVersion": "toolhive.stacklok.dev/v1alpha1",
        "kind": "MCPRegistry",
        "metadata": {"name": name, "namespace": "tools"},
        "spec": spec,
    }


def config(**source: Any) -> Json:  # noqa: ANN401  # any YAML
    return {"sources": [{"name": "far", **source}]}


def one(*documents: Json) -> Source:
    (source,) = load(*documents)
    return source


CONFIGMAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "data", "namespace": "tools"},
    "data": {"registry.json": "{}"},
}


def test_the_first_shape_declares_one_source() -> None:
    source = one(
        resource(
            {
                "displayName": "Far away",
                "source": {
                    "type": "git",
                    "format": "toolhive",
                    "git": {
                        "repository": "https://github.com/acme/registry",
                        "tag": "v1.2",
                        "path": "data/registry.json",
                    },
                },
                "syncPolicy": {
                    "type": "interval",
                    "interval": "1h30m",
                    "retryPolicy": {
                        "maxAttempts": 5,
                        "backoffInterval": "500ms",
                        "backoffMultiplier": "1.5",
                    },
                },
                "filter": {
                    "include": ["*/a"],
                    "exclude": ["*/b"],
                    "tags": {"include": ["x"], "exclude": ["y"]},
                },
            }
        )
    )
    assert source.location == GitLocation(
        "https://github.com/acme/registry", "data/registry.json", tag="v1.2"
    )
    assert (source.name, source.display_name, source.format) == ("far", "Far away", "toolhive")
    assert source.filter == Filter(Globs(("*/a",), ("*/b",)), Globs(("x",), ("y",)))
    assert (source.interval, source.retry) == (5400.0, Retry(5, 0.5, 1.5))
    assert source.document == "far.yaml"


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ({"url": {"url": "https://a.example/r.json"}}, UrlLocation("https://a.example/r.json")),
        ({"url": "https://a.example/r.json"}, UrlLocation("https://a.example/r.json")),
        ({"file": {"url": "http://a.example/r"}}, UrlLocation("http://a.example/r")),
        ({"registry": {"endpoint": "https://a.example"}}, RegistryLocation("https://a.example")),
        (
            {"type": "registry", "api": {"endpoint": "https://a.example"}},
            RegistryLocation("https://a.example"),
        ),
        ({"file": {"path": "./data"}}, FileLocation(Path("data"))),
        (
            {"file": {"data": "{}\n"}},
            ConfigMapLocation("far", "registry.json", b"{}\n"),
        ),
        ({"configmap": {"name": "data"}}, ConfigMapLocation("data", "registry.json", b"{}")),
        ({"configMapRef": {"name": "data"}}, ConfigMapLocation("data", "registry.json", b"{}")),
        (
            {"git": {"repository": "git@github.com:acme/registry.git"}},
            GitLocation("git@github.com:acme/registry.git", "registry.json"),
        ),
        (
            {
                "git": {
                    "repository": "https://a.example/r",
                    "auth": {"username": "git", "passwordFile": "/run/secrets/token"},
                }
            },
            GitLocation(
                "https://a.example/r",
                "registry.json",
                username="git",
                password_file=Path("/run/secrets/token"),
            ),
        ),
    ],
)
def test_every_kind_of_place_is_read(place: Json, location: object) -> None:
    assert one(CONFIGMAP, resource({"source": place})).location == location


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"kubernetes": {}}, "in a cluster"),
        ({"pvcRef": {"claimName": "data", "path": "x"}}, "persistent volume"),
        ({"managed": {}}, "no server"),
        ({"configMapRef": {"name": "data", "key": "else.json"}}, "no ConfigMap data with the key"),
        ({"configMapRef": {"name": "other"}}, "no ConfigMap other"),
        (
            {
                "git": {
                    "repository": "https://a.example/r",
                    "auth": {"passwordSecretRef": {"name": "token", "key": "password"}},
                }
            },
            "Secret token",
        ),
    ],
)
def test_what_exists_in_a_cluster_only_is_told_and_stops_no_other_source(
    place: Json, reason: str
) -> None:
    first, second = load(
        CONFIGMAP,
        resource({"source": place}),
        resource({"source": {"url": "https://a.example"}}, "near"),
    )
    assert isinstance(first.location, UnsupportedLocation)
    assert reason in first.location.reason
    assert (first.kind, second.kind) == ("unsupported", "url")


def test_a_configmap_of_another_namespace_is_another_one() -> None:
    elsewhere = CONFIGMAP | {"metadata": {"name": "data", "namespace": "elsewhere"}}
    source = one(elsewhere, resource({"source": {"configmap": {"name": "data"}}}))
    assert isinstance(source.location, UnsupportedLocation)


def test_a_configmap_may_stand_in_another_file_and_its_own_files_comes_first() -> None:
    other = CONFIGMAP | {"data": {"registry.json": "[]"}}
    registry = resource({"source": {"configmap": {"name": "data"}}})
    files = {
        "a.yaml": yaml.safe_dump_all([registry, CONFIGMAP]).encode(),
        "b/maps.yaml": yaml.safe_dump(other).encode(),
    }
    (source,) = load_sources(files)
    assert source.location == ConfigMapLocation("data", "registry.json", b"{}")
    files["a.yaml"] = yaml.safe_dump(registry).encode()
    (source,) = load_sources(files)
    assert source.location == ConfigMapLocation("data", "registry.json", b"[]")
    files["c.yaml"] = files["b/maps.yaml"]
    with pytest.raises(UsageError, match=r"stands in b/maps\.yaml and c\.yaml"):
        load_sources(files)


def test_several_sources_of_a_resource_are_named_after_both() -> None:
    url = {"url": "https://a.example/r.json"}
    spec: Json = {"registries": [{"name": "a", **url}]}
    assert [source.name for source in load(resource(spec))] == ["far"]
    spec["registries"].append({"name": "b", **url})
    assert [source.name for source in load(resource(spec))] == ["far.a", "far.b"]


def test_a_volume_leads_to_the_configmap_that_it_mounts() -> None:
    def spec(path: str, **volume: Any) -> Json:  # noqa: ANN401  # any YAML
        return {
            "configYAML": yaml.safe_dump(config(file={"path": path})),
            "volumes": [{"name": "v", **volume}],
            "volumeMounts": [{"name": "v", "mountPath": "/config/data", "readOnly": True}],
        }

    whole = {"configMap": {"name": "data"}}
    item = {"configMap": {"name": "data", "items": [{"key": "registry.json", "path": "r.json"}]}}
    content = ConfigMapLocation("data", "registry.json", b"{}")
    found = one(CONFIGMAP, resource(spec("/config/data/registry.json", **whole)))
    assert found.location == content
    assert one(CONFIGMAP, resource(spec("/config/data/r.json", **item))).location == content
    elsewhere = one(CONFIGMAP, resource(spec("/config/database/r.json", **item)))
    assert elsewhere.location == FileLocation(Path("/config/database/r.json"))
    claim = {"persistentVolumeClaim": {"claimName": "c"}}
    assert one(resource(spec("/config/data/r.json", **claim))).kind == "unsupported"


def test_what_a_server_needs_and_we_do_not_is_passed_over() -> None:
    spec = {
        "source": {"url": "https://a.example"},
        "enforceServers": True,
        "podTemplateSpec": {"spec": {}},
        "authConfig": {"mode": "oauth"},
        "databaseConfig": {},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "anything": [1]}
    assert one(secret, job, resource(spec)).kind == "url"
    plain = config(url="https://a.example") | {
        "registries": [{"name": "default", "sources": ["far"]}],
        "database": {"host": "x"},
        "auth": {"mode": "anonymous"},
    }
    assert one(plain).kind == "url"


def test_the_configuration_of_before_sources_had_their_name_is_read() -> None:
    document = {
        "registryName": "x",
        "registries": [{"name": "far", "format": "toolhive", "file": {"path": "r.json"}}],
    }
    assert one(document).location == FileLocation(Path("r.json"))


def test_only_documents_are_read() -> None:
    good = yaml.safe_dump(config(url="https://a.example")).encode()
    files = {
        "far.yaml": good,
        "far.synced.json": b"{",
        "README.md": b"{",
        ".hidden.yaml": b"{",
        "empty.yaml": b"# nothing yet\n",
    }
    assert [source.name for source in load_sources(files)] == ["far"]
    assert load_sources({}) == ()


@pytest.mark.parametrize(
    ("document", "where", "words", "hint"),
    [
        (
            resource({"source": {"url": "https://a"}, "syncpolicy": {}}),
            "far.yaml: spec",
            "'syncpolicy'",
            "'syncPolicy'",
        ),
        (config(url="https://a", filter={"name": {}}), "sources[0].filter", "'name'", "'names'"),
        (
            config(git={"repository": "https://a", "brunch": "x"}),
            "far.yaml: sources[0].git",
            "'brunch'",
            "'branch'",
        ),
        (config(api={"endpiont": "https://a"}), "sources[0].api", "'endpiont'", "'endpoint'"),
        (
            config(url="https://a", syncPolicy={"intervall": "1h"}),
            "sources[0].syncPolicy",
            "'intervall'",
            "'interval'",
        ),
        (
            resource({"configYAML": "sources: [{name: a, uri: 'https://a'}]"}),
            "far.yaml: spec.configYAML.sources[0]",
            "none",
            "url",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one(
    document: Json, where: str, words: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(document)
    assert where in str(caught.value.where)
    assert words in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (config(), "this one has none"),
        (config(url="https://a", git={"repository": "https://b"}), "git and url"),
        (config(type="git", url="https://a"), "type says 'git'"),
        (config(url="ftp://a/b"), "begins with ftp"),
        (config(url="file:///etc/passwd"), "begins with file"),
        (config(url="https://user:secret@a/b"), "credentials"),
        (config(url="https://a b"), "spaces"),
        (config(url="https://"), "names no host"),
        (config(api={"endpoint": "//a"}), "no scheme"),
        (config(git={"repository": "--upload-pack=x"}), "begins with no scheme"),
        (config(git={"repository": "ext::sh -c x"}), "address"),
        (config(git={"repository": "file:///x"}), "begins with file"),
        (config(git={"repository": "relative/path"}), "no scheme"),
        (config(git={"repository": "https://a", "branch": "-x"}), "not a name that git allows"),
        (config(git={"repository": "https://a", "branch": "a..b"}), "not a name that git allows"),
        (config(git={"repository": "https://a", "commit": "abc123"}), "whole commit id"),
        (config(git={"repository": "https://a", "branch": "a", "tag": "b"}), "exclude each other"),
        (config(git={"repository": "https://a", "path": "../x"}), "leads out"),
        (config(git={"repository": "https://a", "path": "/etc/passwd"}), "relative path"),
        (config(git={"repository": "https://a", "auth": {}}), "no passwordFile"),
        (config(git="https://a"), "a text stands where an object"),
        (config(file={}), "either path, url or data"),
        (config(file={"path": 5}), "a number stands where text"),
        (config(url="https://a", syncPolicy={"interval": "1 day"}), "not a duration"),
        (config(url="https://a", syncPolicy={"interval": "-1h"}), "not a duration"),
        (config(url="https://a", syncPolicy={"interval": "0s"}), "above 0"),
        (config(url="https://a", syncPolicy={"interval": "100000h"}), "up to a year"),
        (config(url="https://a", syncPolicy={"interval": 60}), "a number stands where text"),
        (config(url="https://a", syncPolicy={"type": "interval"}), "has no interval"),
        (config(url="https://a", syncPolicy={"type": "hourly"}), "no policy"),
        (
            config(url="https://a", syncPolicy={"retryPolicy": {"maxAttempts": 0}}),
            "from 1 to 20",
        ),
        (
            config(url="https://a", syncPolicy={"retryPolicy": {"backoffMultiplier": "NaN"}}),
            "from 1 to 10",
        ),
        (config(url="https://a", filter={"names": {"include": "x"}}), "list of texts"),
        (config(url="https://a", filter={"include": ["x"], "names": {}}), "in the filter and in"),
        ({"sources": []}, "declares no sources"),
        ({"sources": [{"url": "https://a"}]}, "name is missing"),
        ({"sources": [{"name": "Far", "url": "https://a"}]}, "cannot name a source"),
        ({"sources": [{"name": "../x", "url": "https://a"}]}, "cannot name a source"),
        ({"sources": [{"name": "x" * 64, "url": "https://a"}]}, "cannot name a source"),
        ({"servers": []}, "unknown key 'servers'"),
        (resource({}), "one of source, registries and configYAML"),
        (resource({"source": {"url": "https://a"}, "registries": []}), "one of source"),
        (resource({"configYAML": "- 1"}), "is not an object"),
        (resource({"configYAML": "a: [b"}), "YAML"),
        ({"kind": "MCPRegistry", "metadata": {"name": "a"}}, "spec is missing"),
        ({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": 1}}, "are texts"),
        (
            {"kind": "ConfigMap", "metadata": {"name": "a"}, "binaryData": {"b": "?"}},
            "not base64",
        ),
    ],
)
def test_refuses_a_document_that_says_what_cannot_be(document: Json, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(document)
    assert words in caught.value.message
    assert str(caught.value.where).startswith("far.yaml")


@pytest.mark.parametrize(
    "data",
    [b"a: [b", b"\xff\xfe\xff", b"a: \0", b"just text", b"a" * (MAX_DOCUMENT + 1), b"[1, 2]"],
)
def test_refuses_what_is_no_document(data: bytes) -> None:
    with pytest.raises(McpregError):
        load_sources({"far.yaml": data})


@pytest.mark.parametrize(
    ("text", "words", "where"),
    [
        ("a: &x [b]\nc: *x\n", "anchor", "far.yaml:1"),
        ("sources:\n- !!python/object/apply:os.system [id]\n", "tag", "far.yaml:2"),
        ("sources: []\nsources: []\n", "sources", "far.yaml:2"),
        ("a: b: c\n", "YAML", "far.yaml:1"),
        ("[" * 10_000, "", "far.yaml:1"),
    ],
)
def test_refuses_yaml_that_readers_differ_about_or_that_blows_up(
    text: str, words: str, where: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_sources({"far.yaml": text.encode()})
    assert words in caught.value.message
    assert str(caught.value.where).startswith(where)


def test_json_documents_are_json() -> None:
    tabbed = b'{\n\t"sources": [\n\t\t{"name": "far", "url": "https://a.example"}]}'
    (source,) = load_sources({"far.json": tabbed})
    assert source.kind == "url"
    with pytest.raises(UsageError, match="occurs twice") as caught:
        load_sources({"far.json": b'{"sources": [],\n "sources": []}'})
    assert caught.value.where == "far.json:2:2"


def test_two_sources_of_one_name_are_refused_with_both_files() -> None:
    data = yaml.safe_dump(config(url="https://a.example")).encode()
    with pytest.raises(UsageError, match=r"declared in a\.yaml and in b\.json"):
        load_sources({"a.yaml": data, "b.json": b'{"sources":[{"name":"far","url":"https://b"}]}'})


def test_the_configuration_digest_covers_what_decides_what_is_imported() -> None:
    base = one(config(url="https://a.example/r")).config
    assert base.startswith("sha256:")
    assert one(config(url="https://a.example/r", syncPolicy={"interval": "1h"})).config == base
    others = [
        config(url="https://a.example/s"),
        config(url="https://a.example/r", format="toolhive"),
        config(url="https://a.example/r", filter={"names": {"include": ["x"]}}),
        config(url="https://a.example/r", filter={"names": {"exclude": ["x"]}}),
        config(url="https://a.example/r", filter={"tags": {"include": ["x"]}}),
    ]
    digests = {one(other).config for other in others}
    assert len(digests | {base}) == 6


def test_a_configmaps_content_is_no_part_of_the_configuration() -> None:
    registry = resource({"source": {"configmap": {"name": "data"}}})
    changed = CONFIGMAP | {"data": {"registry.json": "[]"}}
    assert one(CONFIGMAP, registry).config == one(changed, registry).config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1m0.5s", 60.5),
        ("2h45m30s", 9930.0),
        ("10us", 1e-5),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, expected: float) -> None:
    assert durations.seconds(text) == pytest.approx(expected)


@given(st.text(max_size=10))
def test_no_text_breaks_the_reader_of_durations(text: str) -> None:
    try:
        assert durations.seconds(text) >= 0
    except ValueError as error:
        assert "not a duration" in str(error)


GUIDE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"


def test_every_document_of_the_guide_is_one() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(examples) >= 4
    for example in examples:
        (source,) = load_sources({"guide.yaml": example.encode()})
        assert source.kind in ("git", "registry")


def test_the_guide_names_every_key_that_is_passed_over() -> None:
    guide = GUIDE.read_text()
    for key in (*CLUSTER_ONLY, *SERVER_ONLY, *IGNORED):
        assert f"`{key}`" in guide
