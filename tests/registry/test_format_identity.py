"""There and back is the identity on what both sides can hold; what they cannot is named.

Strategies make values in the full breadth of each form: every optional member, every kind of
package, transport, argument and permission, texts outside ASCII, values kept word for word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mcpreg.core import canonical
from mcpreg.core.manifest import Manifest
from mcpreg.formats.interface import PUBLISHER_KEY, Exported, Imported, Written
from mcpreg.formats.kept import key_of
from mcpreg.formats.official import SCHEMA
from mcpreg.formats.permissions import meaning
from mcpreg.formats.registry import FORMATS
from mcpreg.usecases.listing import check

Json = Any
Object = dict[str, Any]
# Wide values cost hypothesis more than they cost the converters.
BROAD = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
STACKLOK = "io.github.stacklok"


def text(least: int = 1, most: int = 12) -> SearchStrategy[str]:
    kinds = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"])
    return st.text(kinds, min_size=least, max_size=most)


def some(required: Object, optional: Object) -> SearchStrategy[Object]:
    """Objects with all of the one and any of the other members."""
    return st.fixed_dictionaries(required, optional=optional)


def several(item: SearchStrategy[Json], least: int = 1, most: int = 3) -> SearchStrategy[Json]:
    return st.lists(item, min_size=least, max_size=most)


def unique(item: SearchStrategy[Json], least: int = 1, most: int = 4) -> SearchStrategy[Json]:
    return st.lists(item, min_size=least, max_size=most, unique=True)


WORD = st.from_regex(r"[a-z0-9][a-z0-9-]{1,12}[a-z0-9]", fullmatch=True)
HOST = st.builds("{}.example".format, st.from_regex(r"[a-z][a-z0-9-]{0,9}[a-z]", fullmatch=True))
URL = st.builds("https://{}/{}".format, HOST, WORD)
PORT = st.integers(1, 65535)
FREE: SearchStrategy[Json] = st.recursive(
    st.booleans() | st.integers(-99, 99) | text(0),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text(), inner, max_size=2),
    max_leaves=4,
)
INPUT: Object = {
    "description": text(),
    "isRequired": st.just(True),
    "isSecret": st.just(True),
    "format": st.sampled_from(["number", "boolean", "filepath"]),
    "value": text(0),
    "default": text(0),
    "placeholder": text(),
    "choices": several(text()),
}
TEMPLATE: Object = INPUT | {"variables": st.dictionaries(text(), some({}, INPUT), max_size=2)}
PAIR = some({"name": text()}, TEMPLATE)
ARGUMENT = st.one_of(
    some({"type": st.just("named"), "name": text()}, TEMPLATE | {"isRepeated": st.just(True)}),
    some({"type": st.just("positional"), "valueHint": text()}, TEMPLATE),
    some(
        {"type": st.just("positional"), "value": text(0)},
        {key: TEMPLATE[key] for key in TEMPLATE if key != "value"} | {"valueHint": text()},
    ),
)
HTTP = some(
    {"type": st.sampled_from(["sse", "streamable-http"]), "url": URL},
    {"headers": several(PAIR), "variables": st.dictionaries(text(), some({}, INPUT), max_size=2)},
)
TRANSPORT = st.just({"type": "stdio"}) | HTTP
PACKAGE = some(
    {
        "registryType": st.sampled_from(["npm", "pypi", "oci", "nuget", "mcpb", "cargo"]),
        "identifier": text(),
        "transport": TRANSPORT,
    },
    {
        "version": text().filter(lambda version: version != "latest"),
        "registryBaseUrl": URL,
        "fileSha256": st.from_regex(r"[a-f0-9]{64}", fullmatch=True),
        "runtimeHint": text(),
        "runtimeArguments": several(ARGUMENT),
        "packageArguments": several(ARGUMENT),
        "environmentVariables": several(PAIR),
    },
)
NAME = st.builds("{}/{}".format, st.sampled_from([STACKLOK, "com.Example", "a-b.c"]), WORD)
IDENTITY: Object = {
    "name": NAME,
    "description": text(1, 100),
    "version": st.sampled_from(["1.0.0", "2.1.0-rc.1", "{{VERSION}}", "1.0.1º", "2025.4"]),
}
SERVER = some(
    IDENTITY,
    {
        "title": text(1, 100),
        "websiteUrl": URL,
        "repository": some({"url": URL, "source": text()}, {"id": text(), "subfolder": text()}),
        "icons": several(
            some(
                {"src": URL},
                {
                    "mimeType": st.sampled_from(["image/png", "image/webp"]),
                    "sizes": several(st.sampled_from(["48x48", "any"])),
                    "theme": st.sampled_from(["light", "dark"]),
                },
            )
        ),
        "packages": several(PACKAGE),
        "remotes": several(HTTP),
        "_meta": st.just(PUBLISHER_KEY).flatmap(
            lambda key: some({key: st.dictionaries(text(), FREE, min_size=1, max_size=2)}, {})
        ),
    },
)


def exported(entry: Imported) -> Exported:
    """As a registry holds it: valid, and through the model."""
    assert check(entry.document) == ()
    manifest = Manifest.model_validate_json(canonical.pretty(entry.document))
    return Exported(
        manifest.document(), entry.readme, entry.status, entry.updated_at, entry.metadata
    )


def read(form: str, files: dict[str, bytes]) -> list[Imported]:
    return [entry for entry in FORMATS[form].read(files) if isinstance(entry, Imported)]


def read_json(form: str, document: Json) -> list[Imported]:
    return read(form, {"input.json": json.dumps(document).encode()})


def single(written: Written) -> Json:
    (data,) = written.files.values()
    return json.loads(data)


# --- server.json --------------------------------------------------------------------------------


@BROAD
@given(SERVER)
def test_server_json_comes_back_as_it_was(server: Object) -> None:
    (entry,) = read_json("server-json", server)
    assert entry.notes == ()
    written = FORMATS["server-json"].write([exported(entry)])
    assert written.losses == ()
    back = single(written)
    assert back.pop("$schema")
    assert back == server


UNHELD: Object = {
    "license": st.just("MIT"),
    "tags": unique(WORD),
    "capabilities": some({"tools": several(some({"name": WORD}, {}))}, {}),
    "requiredConsents": several(some({"id": WORD, "reason": text()}, {})),
    "dependencies": several(NAME),
}


@BROAD
@given(SERVER, some({}, UNHELD))
def test_a_manifest_comes_back_but_for_what_is_named(server: Object, more: Object) -> None:
    manifest = exported(read_json("mcps", server | more)[0])
    written = FORMATS["server-json"].write([manifest])
    assert {loss.pointer for loss in written.losses} == {f"/{key}" for key in more}
    (entry,) = read("server-json", written.files)
    assert exported(entry).document == server


@settings(BROAD, max_examples=10)
@given(st.lists(SERVER, min_size=2, max_size=3))
def test_several_come_back_in_their_order(servers: list[Object]) -> None:
    entries = read_json("server-json", {"servers": servers})
    written = FORMATS["server-json"].write([exported(entry) for entry in entries])
    again = read("server-json", written.files)
    assert [entry.document for entry in again] == servers


# --- ToolHive -----------------------------------------------------------------------------------

TAG = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,9}[a-z0-9]", fullmatch=True)
TOOL = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
VARIABLE = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)
IMAGE = st.builds(
    "{}/{}{}".format,
    st.sampled_from(["ghcr.io", "docker.io/mcp", "localhost:5000/x", "quay.io/a/b"]),
    WORD,
    st.sampled_from(["", ":latest", ":v1.2.3", ":0.19.1", ":1.0.0", ":2.0.0-rc.1", ":1.2"]),
)
PATHS = unique(st.sampled_from(["/data", "/srv/a b", "/var/x/", "/a*", "/x:y", "/ü"]), 1, 3)
OUTBOUND = some(
    {},
    {
        "allow_host": unique(
            st.builds("{}{}".format, st.sampled_from(["", "."]), HOST)
            | st.sampled_from(["localhost", "10.0.0.1", "API.example.com"])
        ),
        "allow_port": unique(PORT),
        "insecure_allow_all": st.booleans(),
    },
)
PERMISSIONS = some(
    {"network": some({"outbound": OUTBOUND}, {})},
    {"read": PATHS, "write": PATHS, "privileged": st.booleans()},
)
PROVENANCE = some(
    {"cert_issuer": URL},
    {"repository_uri": URL, "attestation": some({"predicate_type": URL}, {"predicate": FREE})},
)
OAUTH = some(
    {"client_id": text()},
    {"issuer": URL, "scopes": several(text()), "use_pkce": st.booleans(), "callback_port": PORT},
)
METADATA = some({"stars": st.integers(0, 99)}, {"last_updated": st.just("2026-02-05T04:47:25Z")})
ENV = some(
    {"name": VARIABLE, "description": text(5, 200), "required": st.booleans()},
    {"secret": st.just(True), "default": text(0)},
)
VARIABLES = st.lists(ENV, min_size=1, max_size=3, unique_by=lambda item: str(item["name"]))
HEADERS = several(
    some(
        {
            "name": st.from_regex(r"[A-Za-z][A-Za-z-]{0,9}", fullmatch=True),
            "description": text(5, 200),
            "required": st.booleans(),
        },
        {"secret": st.just(True), "default": text(0), "choices": unique(text())},
    )
)
ENTRY: Object = {
    "description": text(10, 500) | st.builds("{} {}".format, text(60, 99), text(60, 99)),
    "status": st.sampled_from(["Active", "Deprecated"]),
    "tier": st.sampled_from(["Official", "Community"]),
    "tools": unique(TOOL),
}
MORE: Object = {
    "tags": unique(TAG),
    "metadata": METADATA,
    "repository_url": URL,
    "custom_metadata": st.dictionaries(text(), FREE, min_size=1, max_size=2),
}
CONTAINER = some(
    ENTRY | {"image": IMAGE, "transport": st.sampled_from(["stdio", "sse", "streamable-http"])},
    MORE
    | {
        "args": several(text(0)),
        "docker_tags": unique(text()),
        "env_vars": VARIABLES,
        "permissions": PERMISSIONS,
        "provenance": PROVENANCE,
        "proxy_port": PORT,
        "target_port": PORT,
    },
)
REMOTE = some(
    ENTRY | {"url": URL, "transport": st.sampled_from(["sse", "streamable-http"])},
    MORE | {"headers": HEADERS, "oauth_config": OAUTH, "env_vars": VARIABLES},
)


@BROAD
@given(st.dictionaries(WORD, CONTAINER, max_size=2), st.dictionaries(WORD, REMOTE, max_size=2))
def test_toolhives_registry_comes_back_as_it_was(servers: Object, remotes: Object) -> None:
    assume(not servers.keys() & remotes.keys())
    whole = {"servers": servers, "remote_servers": remotes}
    entries = read_json("toolhive", whole)
    assert [entry.name for entry in entries] == [*servers, *remotes]
    written = FORMATS["toolhive"].write([exported(entry) for entry in entries])
    assert written.losses == ()
    back = single(written)
    assert {key: back.get(key, {}) for key in whole} == whole


HELD_HOSTS = unique(st.builds("{}{}".format, st.sampled_from(["", "*."]), HOST))
EGRESS = st.builds(
    lambda hosts, ports: "net:egress:" + ",".join(f"{h}:{p}" for h in hosts for p in ports),
    HELD_HOSTS,
    unique(PORT, 1, 3),
)
GRANTS = st.builds(
    lambda files, net: [*files, *net],
    unique(st.sampled_from(["fs:read:/data/**", "fs:write:/srv/x/**", "fs:read:/ü/**"]), 0, 3),
    st.sampled_from([["net:none"], ["net:loopback"]]) | st.builds(lambda one: [one], EGRESS),
)
OUR_TAG = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}[a-z0-9]", fullmatch=True)


def manifest(**parts: Json) -> Object:
    """Without what is empty, as a manifest is written."""
    return {key: value for key, value in parts.items() if value}


@st.composite
def held_by_toolhive(draw: st.DrawFn) -> Object:
    image, variables = draw(IMAGE), draw(st.just([]) | VARIABLES)
    transport = draw(
        st.just({"type": "stdio"})
        | st.builds(
            lambda kind, port: {"type": kind, "url": f"http://localhost:{port}"},
            st.sampled_from(["sse", "streamable-http"]),
            PORT,
        )
    )
    arguments = [{"type": "positional", "value": value} for value in draw(several(text(0), 0))]
    environment = [
        {"name": item["name"], "description": item["description"]}
        | ({"isRequired": True} if item["required"] else {})
        | ({"isSecret": True} if "secret" in item else {})
        for item in variables
    ]
    package = manifest(
        registryType="oci",
        identifier=image,
        transport=transport,
        packageArguments=arguments,
        environmentVariables=environment,
    )
    sandbox = [*draw(GRANTS), *(f"env:{item['name']}" for item in variables)]
    tag = image.partition(":v")[2] or image.rpartition(":")[2]
    kept = {PUBLISHER_KEY: {STACKLOK: {image: {"tier": draw(ENTRY["tier"])}}}}
    exact = tag in ("1.2.3", "0.19.1", "1.0.0", "2.0.0-rc.1")
    return manifest(
        name=draw(NAME),
        description=draw(text(10, 100)),
        version=tag if exact else "1.0.0",
        repository=draw(
            st.none() | st.builds(lambda h: {"url": f"https://{h}/x", "source": h}, HOST)
        ),
        packages=[package],
        _meta=kept,  # ToolHive asks for a tier, and would get its lowest
        tags=draw(unique(OUR_TAG, 0)),
        capabilities={
            "tools": [{"name": name} for name in draw(unique(TOOL))],
            "sandbox": sandbox,
        },
    )


def comparable(document: Mapping[str, Json]) -> Object:
    """The document with its sandbox as a set: it is kept in order, and compared as a set."""
    capabilities = dict(document.get("capabilities", {}))
    sandbox = capabilities.pop("sandbox", [])
    variables = frozenset(grant for grant in sandbox if grant.startswith("env:"))
    return {**document, "capabilities": capabilities, "set": (meaning(sandbox), variables)}


def there_and_back(form: str, document: Object) -> tuple[set[str], list[Object]]:
    """Pointers of what is lost, and what comes back."""
    (entry,) = read_json("mcps", document)
    written = FORMATS[form].write([exported(entry)])
    back = [comparable(exported(entry).document) for entry in read(form, written.files)]
    return {loss.pointer for loss in written.losses}, back


@BROAD
@given(held_by_toolhive())
def test_what_toolhive_holds_of_a_manifest_comes_back(document: Object) -> None:
    assert there_and_back("toolhive", document) == (set(), [comparable(document)])


TOP_UNHELD: Object = UNHELD | {
    "title": text(1, 100),
    "websiteUrl": URL,
    "icons": several(some({"src": URL}, {})),
}
del TOP_UNHELD["tags"], TOP_UNHELD["capabilities"]


@BROAD
@given(held_by_toolhive(), some({}, TOP_UNHELD), st.booleans(), st.booleans())
def test_what_toolhive_does_not_hold_is_named(
    document: Object, more: Object, with_prompts: bool, with_remote: bool
) -> None:
    whole, named = document | more, {f"/{key}" for key in more}
    if with_prompts:
        prompts = {"prompts": [{"name": "ask"}], "limits": {"pids": 5}}
        whole["capabilities"] = document["capabilities"] | prompts
        named |= {"/capabilities/prompts", "/capabilities/limits"}
    if with_remote:
        whole["remotes"] = [{"type": "sse", "url": "https://a.example"}]
        named.add("/remotes/0")
    assert there_and_back("toolhive", whole) == (named, [comparable(document)])


# --- the envelope -------------------------------------------------------------------------------

DEFINITION = some(
    {"name": TOOL},
    {
        "title": text(),
        "description": text(),
        "inputSchema": st.dictionaries(text(), FREE, max_size=2),
        "annotations": st.dictionaries(text(), FREE, max_size=2),
        "execution": FREE,
    },
)
EXTENSION = some(
    {"status": st.sampled_from(["Active", "active", "Deprecated", "deprecated"])},
    {
        "tier": ENTRY["tier"],
        "tools": unique(TOOL),
        "tags": unique(TAG),
        "overview": text(),
        "tool_definitions": several(DEFINITION),
        "metadata": METADATA,
        "permissions": PERMISSIONS | st.builds(lambda p: p | {"name": "network"}, PERMISSIONS),
        "args": several(text(0)),
        "provenance": PROVENANCE,
        "docker_tags": unique(text()),
        "proxy_port": PORT,
        "stateless": st.booleans(),
        "oauth_config": OAUTH,
        "env_vars": VARIABLES,
        "custom_metadata": MORE["custom_metadata"],
        "transport": text(),
    },
).filter(lambda extension: extension != {"status": "Active"})


@st.composite
def enveloped(draw: st.DrawFn) -> Object:
    """A server with the extension that belongs to it, and perhaps one that does not."""
    server: Object = draw(SERVER.filter(lambda one: "packages" in one or "remotes" in one))
    if draw(st.booleans()):
        image = draw(IMAGE)
        server["packages"] = [
            {"registryType": "oci", "identifier": image, "transport": {"type": "stdio"}}
        ]
    server["$schema"] = SCHEMA
    key, extension = key_of(server), draw(EXTENSION)
    first = next((p for p in server.get("packages", ()) if p["registryType"] == "oci"), None)
    if first is None or "packageArguments" in first:
        extension.pop("args", None)
    assume(extension != {"status": "Active"})  # says what no extension says, and is not written
    extensions = {key: extension}
    if draw(st.booleans()):
        extensions = {f"another/{key}": {"status": "Deprecated", "tools": ["x"]}, **extensions}
    publisher = draw(st.dictionaries(text(), st.just({"a": 1}), max_size=2))
    server["_meta"] = {PUBLISHER_KEY: {**publisher, STACKLOK: extensions}}
    assume(len(canonical.dumps(server["_meta"])) < 3000)
    return server


@BROAD
@given(enveloped())
def test_the_envelope_comes_back_as_it_was(server: Object) -> None:
    (entry,) = read_json("upstream", {"data": {"servers": [server]}})
    written = FORMATS["upstream"].write([exported(entry)])
    assert single(written)["data"] == {"servers": [server]}
    assert written.losses == ()


@BROAD
@given(held_by_toolhive(), several(DEFINITION), some({}, TOP_UNHELD))
def test_what_the_envelope_holds_of_a_manifest_comes_back(
    document: Object, definitions: list[Object], more: Object
) -> None:
    unknown = {"execution"}
    tools = {
        tool["name"]: {k: v for k, v in tool.items() if k not in unknown} for tool in definitions
    }
    for tool in document["capabilities"]["tools"]:
        tools.setdefault(tool["name"], tool)
    document["capabilities"]["tools"] = list(tools.values())
    official = {key: more[key] for key in ("title", "websiteUrl", "icons") if key in more}
    lost = {f"/{key}" for key in more.keys() - official.keys()}
    assert there_and_back("upstream", document | more) == (lost, [comparable(document | official)])


@pytest.mark.parametrize("form", ["server-json", "toolhive", "upstream"])
def test_readme_status_and_counts_are_held_or_named(form: str) -> None:
    document = {
        "name": f"{STACKLOK}/clock",
        "description": "Tells the time in any zone",
        "version": "1.0.0",
        "packages": [
            {"registryType": "oci", "identifier": "acme/clock", "transport": {"type": "stdio"}}
        ],
        "capabilities": {"tools": [{"name": "now"}], "sandbox": ["net:none"]},
    }
    given = Exported(document, "# Clock", "deprecated", None, {"stars": 5})
    written = FORMATS[form].write([given])
    (entry,) = read(form, written.files)
    lost = {loss.pointer for loss in written.losses}
    assert (entry.readme == "# Clock") != ("readme" in lost)
    assert (entry.status == "deprecated") != ("status" in lost)
    assert (dict(entry.metadata) == {"stars": 5}) != ("metadata" in lost)
