"""ToolHive's own examples of sources: what each declares, in a table."""

from __future__ import annotations

import re

import pytest

from mcpreg_site.sources.documents import load_sources
from mcpreg_site.sources.interface import (
    ConfigMapLocation,
    FileLocation,
    GitLocation,
    RegistryLocation,
    Source,
    UnsupportedLocation,
    UrlLocation,
)
from toolhive_data import toolhive_file

LEGACY = "crd/v1alpha1-legacy/mcpregistry-"
CATALOG = "https://github.com/stacklok/toolhive"
CONFIGYAML = "crd/mcpregistry-configyaml-"
CLUSTER_API = "http://my-registry-api.default.svc.cluster.local"
OFFICIAL = "the official registry"  # no host of a registry is named in this repository
NOTHING = ((), ())
EXAMPLE = (
    (("prod-*", "github-*"), ("*-legacy",)),
    (("production", "api"), ("deprecated", "legacy")),
)

# file -> (name, kind, place, interval in minutes, name filter, tag filter)
Row = tuple[str, str, str, float | None, object, object]
EXAMPLES: dict[str, list[Row]] = {
    f"{LEGACY}advanced-filtering.yaml": [
        (
            "database-only-registry",
            "configmap",
            "advanced-filtering-registry-data",
            45,
            (("*-postgres", "*-mongodb"), ("legacy-*",)),
            (("database",), ("deprecated",)),
        ),
        (
            "production-monitoring-registry",
            "configmap",
            "advanced-filtering-registry-data",
            15,
            (("prod-*", "monitoring-*"), ()),
            (("production", "monitoring", "observability"), ("experimental", "testing")),
        ),
        (
            "development-tools-registry",
            "configmap",
            "advanced-filtering-registry-data",
            None,
            ((), ("prod-*", "legacy-*")),
            (("development", "testing", "debugging"), ("production", "deprecated")),
        ),
    ],
    f"{LEGACY}api-advanced.yaml": [
        (
            "filtered-toolhive-api-registry",
            "registry",
            CLUSTER_API,
            30,
            (("filesystem", "github", "gitlab"), ()),
            (("official",), ("experimental",)),
        )
    ],
    f"{LEGACY}api-basic.yaml": [
        ("toolhive-api-registry", "registry", CLUSTER_API, 60, NOTHING, NOTHING)
    ],
    f"{LEGACY}api-external.yaml": [
        (
            "external-toolhive-api-registry",
            "registry",
            "https://registry.example.com",
            120,
            NOTHING,
            NOTHING,
        )
    ],
    f"{LEGACY}automatic-sync.yaml": [
        (
            "auto-sync-registry",
            "configmap",
            "auto-sync-registry-data",
            30,
            NOTHING,
            (("database", "production"), ("experimental", "deprecated", "beta")),
        )
    ],
    f"{LEGACY}configmap.yaml": [
        ("example-registry", "configmap", "example-registry-data", 60, *EXAMPLE)
    ],
    f"{LEGACY}enforcing.yaml": [
        ("enforcing-registry", "configmap", "enforcing-registry-data", None, NOTHING, NOTHING)
    ],
    f"{LEGACY}git-commit.yaml": [
        (
            "toolhive-git-commit",
            "git",
            f"{CATALOG}@395b6ba11bdd60b615a9630a66dcede2abcfbb48:pkg/registry/data/registry.json",
            1440,
            NOTHING,
            NOTHING,
        )
    ],
    f"{LEGACY}git-private.yaml": [
        ("private-git-registry", "unsupported", "git", 60, NOTHING, NOTHING)
    ],
    f"{LEGACY}git-simple.yaml": [
        (
            "toolhive-git-simple",
            "git",
            f"{CATALOG}@main:pkg/registry/data/registry.json",
            None,
            NOTHING,
            NOTHING,
        )
    ],
    f"{LEGACY}git-toolhive.yaml": [
        (
            "toolhive-git-registry",
            "git",
            f"{CATALOG}@main:pkg/registry/data/registry.json",
            60,
            NOTHING,
            (("database", "filesystem", "api"), ("experimental",)),
        )
    ],
    f"{LEGACY}minimal.yaml": [
        (
            "minimal-registry",
            "configmap",
            "minimal-registry-data",
            None,
            NOTHING,
            (("production",), ("experimental", "deprecated")),
        )
    ],
    f"{LEGACY}multi-source.yaml": [
        (
            "multi-source-registry.production-tools",
            "configmap",
            "production-registry-data",
            120,
            NOTHING,
            (("production", "database"), ()),
        ),
        (
            "multi-source-registry.monitoring",
            "unsupported",
            "pvcRef",
            60,
            NOTHING,
            (("monitoring", "observability"), ()),
        ),
        (
            "multi-source-registry.ai-ml",
            "unsupported",
            "pvcRef",
            30,
            (("*ai*", "*ml*"), ()),
            (("ai", "machine-learning"), ()),
        ),
    ],
    f"{LEGACY}multiple-configmap.yaml": [
        ("example-registry.default", "configmap", "example-registry-data", 60, *EXAMPLE),
        ("example-registry.default-new", "configmap", "example-registry-data-new", 60, *EXAMPLE),
    ],
    f"{LEGACY}pvc.yaml": [
        (
            "pvc-multi-registry.production",
            "unsupported",
            "pvcRef",
            120,
            NOTHING,
            (("production", "stable"), ()),
        ),
        (
            "pvc-multi-registry.development",
            "unsupported",
            "pvcRef",
            30,
            NOTHING,
            (("development", "testing"), ()),
        ),
    ],
    f"{LEGACY}tag-filtering.yaml": [
        (
            "security-tools-registry",
            "configmap",
            "tag-filtering-registry-data",
            20,
            NOTHING,
            (("security", "compliance", "encryption"), ("experimental",)),
        ),
        (
            "utility-tools-registry",
            "configmap",
            "tag-filtering-registry-data",
            None,
            NOTHING,
            (("utility", "backup", "monitoring", "analysis"), ("security", "experimental")),
        ),
        (
            "ai-ml-registry",
            "configmap",
            "tag-filtering-registry-data",
            None,
            NOTHING,
            (("ai", "machine-learning", "inference", "models"), ()),
        ),
    ],
    f"{CONFIGYAML}api.yaml": [
        (
            "api-configyaml",
            "registry",
            "http://upstream-registry.default.svc.cluster.local:8080",
            30,
            NOTHING,
            NOTHING,
        )
    ],
    f"{CONFIGYAML}configmap.yaml": [
        (
            "configmap-configyaml",
            "configmap",
            "prod-registry",
            60,
            NOTHING,
            (("production",), ("experimental",)),
        )
    ],
    f"{CONFIGYAML}git-auth.yaml": [
        (
            "git-auth-configyaml",
            "git",
            "https://github.com/your-org/private-mcp-registry@main:registry.json",
            60,
            NOTHING,
            NOTHING,
        )
    ],
    f"{CONFIGYAML}minimal.yaml": [
        ("minimal-configyaml", "unsupported", "kubernetes", None, NOTHING, NOTHING)
    ],
    # Their ConfigMap stands in the example above, which is not applied here.
    f"{CONFIGYAML}oauth.yaml": [
        ("oauth-configyaml", "unsupported", "configmap", None, NOTHING, NOTHING)
    ],
    f"{CONFIGYAML}pgpass.yaml": [
        ("pgpass-configyaml", "unsupported", "configmap", None, NOTHING, NOTHING)
    ],
    "registry-server/config-api.yaml": [
        (
            "mcp-upstream",
            "registry",
            OFFICIAL,
            60,
            NOTHING,
            NOTHING,
        )
    ],
    "registry-server/config-complete.yaml": [
        (
            "toolhive",
            "git",
            f"{CATALOG}-catalog.git@main:pkg/catalog/toolhive/data/registry-upstream.json",
            30,
            (("official/*", "stacklok/*"), ("*/deprecated",)),
            (("stable", "production"), ("experimental", "beta")),
        ),
        (
            "mcp-upstream",
            "registry",
            f"{OFFICIAL}/",
            60,
            (("@modelcontextprotocol/*",), ()),
            (("official", "verified"), ()),
        ),
    ],
    "registry-server/config-file.yaml": [
        ("local-file", "file", "data/registry.json", 5, NOTHING, NOTHING)
    ],
    "registry-server/config-filter-test.yaml": [
        (
            "database-servers",
            "file",
            "/examples/upstream-registry.json",
            0.5,
            (("*/*-mysql-*", "*/genai-*"), ("*/*-mcp-server",)),
            NOTHING,
        ),
        (
            "security-and-database",
            "file",
            "/examples/upstream-registry.json",
            0.5,
            NOTHING,
            (("security", "database"), ("mysql",)),
        ),
        (
            "version-control",
            "file",
            "/examples/upstream-registry.json",
            0.5,
            (("*/git*",), ()),
            ((), ("wiki",)),
        ),
        (
            "dev-tools",
            "file",
            "/examples/upstream-registry.json",
            0.5,
            (("*/aws-*", "*/chrome-*", "*/fetch"), ()),
            NOTHING,
        ),
        ("all-servers", "file", "/examples/upstream-registry.json", 0.5, NOTHING, NOTHING),
    ],
    "registry-server/config-git.yaml": [
        (
            "toolhive",
            "git",
            f"{CATALOG}-catalog.git@main:pkg/catalog/toolhive/data/registry-upstream.json",
            30,
            NOTHING,
            NOTHING,
        )
    ],
}


def place_of(source: Source) -> str:
    match source.location:
        case GitLocation(repository, path, branch, tag, commit):
            return f"{repository}@{branch or tag or commit}:{path}"
        case RegistryLocation(endpoint):
            return re.sub(r"^https://[a-z]+\.modelcontextprotocol\.io", OFFICIAL, endpoint)
        case UrlLocation(url):
            return url
        case FileLocation(path):
            return str(path)
        case ConfigMapLocation(name) | UnsupportedLocation(name):
            return name


def row_of(source: Source) -> Row:
    interval = source.interval and source.interval / 60
    names, tags = source.filter.names, source.filter.tags
    return (
        source.name,
        source.kind,
        place_of(source),
        interval,
        (names.include, names.exclude),
        (tags.include, tags.exclude),
    )


@pytest.mark.parametrize("file", EXAMPLES)
def test_toolhives_examples_declare_what_they_say(file: str) -> None:
    data = toolhive_file(file)
    assert [row_of(source) for source in load_sources({"x.yaml": data})] == EXAMPLES[file]


def test_all_sixteen_legacy_examples_are_in_the_table() -> None:
    assert sum(name.startswith(LEGACY) for name in EXAMPLES) == 16


def test_the_configmap_of_another_example_serves_all_that_mount_it() -> None:
    files = {
        name: toolhive_file(f"{CONFIGYAML}{name}.yaml") for name in ("configmap", "oauth", "pgpass")
    }
    sources = load_sources({f"{name}.yaml": data for name, data in files.items()})
    assert {source.kind for source in sources} == {"configmap"}
