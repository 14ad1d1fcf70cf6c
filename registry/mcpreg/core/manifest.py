"""`mcps.json`: the official server.json (schema 2025-12-11) plus what a sandbox must know.

Frozen pydantic models. Field names on the wire are the standard's camelCase; unknown keys are
refused. Beyond shape, the models hold only what the schema itself states; everything that needs a
sentence of advice is a rule in `mcpreg.checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from mcpreg.core import canonical, capability, names

MANIFEST_FILE = "mcps.json"
ACCEPTED_FILES = (MANIFEST_FILE, "mcp-manifest.json", "server.json")
MAX_MANIFEST_BYTES = 1 << 20  # the largest real toolset seen is 60 KB; sixteen times that


class Model(BaseModel):
    """Shared settings: immutable, camelCase on the wire, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


def _named(value: object) -> object:
    """A bare name is the shortest declaration of a tool, prompt or resource (kpkg, ToolHive)."""
    return {"name": value} if isinstance(value, str) else value


def _tupled(value: object) -> object:
    """Strict reading wants a tuple where an earlier function (`_named`) has seen the JSON."""
    return tuple(value) if isinstance(value, list) else value


Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s]+$")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Repository(Model):
    """Where the source lives. Registries in the wild hold `{}`, so every field is optional here."""

    url: str = ""
    """Where people look at the source; https://github.com/… or https://gitlab.com/…."""
    source: str = ""
    """The host: `github` or `gitlab`."""
    id: str | None = None
    """The repository's id on that host, which survives renaming."""
    subfolder: str | None = None
    """Where in the repository the server lies."""


class Icon(Model):
    """An icon a client may show (`src` is https, at most 255 characters)."""

    src: Annotated[str, StringConstraints(max_length=255, pattern=r"^https://")]
    """Address of the image."""
    mime_type: (
        Literal["image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp"] | None
    ) = None
    """Its media type, when the address does not say."""
    sizes: tuple[str, ...] | None = None
    """Such as `48x48`, or `any` for a scalable image."""
    theme: Literal["light", "dark"] | None = None
    """The background that it is made for."""


class Input(Model):
    """A value that the user or the publisher supplies (server.json `Input`)."""

    description: str | None = None
    """What it is for, in words."""
    is_required: bool = False
    """Whether the server needs it."""
    is_secret: bool = False
    """Whether it must be kept from logs, files and links."""
    format: Literal["string", "number", "boolean", "filepath"] = "string"
    """How to ask for it."""
    value: str | None = None
    """A fixed value, or a template with `{name}` from `variables`; nobody is asked."""
    default: str | None = None
    """What it is when nobody says."""
    placeholder: str | None = None
    """An example, shown while asking."""
    choices: tuple[str, ...] | None = None
    """The values that it can have."""


class InputWithVariables(Input):
    """An input whose `value` is a template over `variables`."""

    variables: dict[str, Input] | None = None
    """What fills the `{name}` places of `value`."""


class KeyValueInput(InputWithVariables):
    """An environment variable or a header."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Name of the variable or header."""


class PositionalArgument(InputWithVariables):
    """An argument by place; `valueHint` names it for people and for `{arg}` capabilities."""

    type: Literal["positional"]
    value_hint: str | None = None
    """What belongs there, such as `directory`; `{directory}` in a capability refers to it."""
    is_repeated: bool = False
    """Whether it may be given several times."""


class NamedArgument(InputWithVariables):
    """An argument by name, `--flag` or `--flag VALUE`."""

    type: Literal["named"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """The flag with its dashes, such as `--port`."""
    value_hint: str | None = None
    """What belongs after the flag."""
    is_repeated: bool = False
    """Whether it may be given several times."""


Argument = Annotated[PositionalArgument | NamedArgument, Field(discriminator="type")]


class StdioTransport(Model):
    """The server speaks on its standard streams."""

    type: Literal["stdio"]


class HttpTransport(Model):
    """A package that listens, or a remote server: streamable HTTP or the older SSE."""

    type: Literal["streamable-http", "sse"]
    url: Annotated[str, StringConstraints(max_length=2048)]
    """Its address; a template with `{name}` from `variables`."""
    headers: tuple[KeyValueInput, ...] | None = None
    """Headers that a client sends."""
    variables: dict[str, Input] | None = None
    """What fills the `{name}` places of the address."""


Transport = Annotated[StdioTransport | HttpTransport, Field(discriminator="type")]


class Package(Model):
    """One way to install the server."""

    registry_type: Literal["npm", "pypi", "oci", "nuget", "mcpb", "cargo"]
    """The kind of package."""
    identifier: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    """Its name there; for `oci` the image, for `mcpb` an address."""
    version: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """One exact version."""
    transport: Transport
    """How the started server speaks."""
    registry_base_url: Url | None = None
    """Another package registry than the usual one."""
    file_sha256: Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$")] | None = None
    """SHA-256 of the archive; required for `mcpb`."""
    runtime_hint: str | None = None
    """The command that usually starts it, such as `npx` or `uvx`."""
    runtime_arguments: tuple[Argument, ...] | None = None
    """Arguments of that command."""
    package_arguments: tuple[Argument, ...] | None = None
    """Arguments of the server itself."""
    environment_variables: tuple[KeyValueInput, ...] | None = None
    """Variables of the server; one without `value` needs `env:NAME` in the sandbox."""


_Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Tool(Model):
    """A tool as `tools/list` returns it. Only `name` must be declared; the rest must then match."""

    name: _Name
    """Its name: letters, digits, `.`, `_` and `-`."""
    title: str | None = None
    """Its name for people."""
    description: str | None = None
    """What models read."""
    input_schema: dict[str, Any] | None = None
    """JSON Schema of its arguments."""
    output_schema: dict[str, Any] | None = None
    """JSON Schema of its structured result."""
    annotations: dict[str, Any] | None = None
    """Hints such as `readOnlyHint`."""


class PromptArgument(Model):
    """One argument of a prompt. Servers add members of their own (`default`), which are hashed."""

    model_config = ConfigDict(extra="allow")

    name: str
    title: str | None = None
    description: str | None = None
    required: bool | None = None


class Prompt(Model):
    """A prompt as `prompts/list` returns it."""

    name: _Name
    title: str | None = None
    description: str | None = None
    arguments: Annotated[tuple[PromptArgument, ...], BeforeValidator(_tupled)] | None = None


class Resource(Model):
    """A fixed resource, or a template when `uriTemplate` is given."""

    name: _Name
    uri: str | None = None
    uri_template: str | None = None
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None


DeclaredTool = Annotated[Tool, BeforeValidator(_named, json_schema_input_type=_Name | Tool)]
DeclaredPrompt = Annotated[Prompt, BeforeValidator(_named, json_schema_input_type=_Name | Prompt)]
DeclaredResource = Annotated[
    Resource, BeforeValidator(_named, json_schema_input_type=_Name | Resource)
]


class LimitsRequest(Model):
    """What the server asks for beyond the registry's defaults: bytes, counts, seconds."""

    memory: Annotated[int, Field(ge=16 << 20, le=64 << 30)] | None = None
    """Bytes."""
    pids: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Processes and threads."""
    cpu: Annotated[int, Field(ge=1)] | None = None
    """Seconds of processor time."""
    file_size: Annotated[int, Field(ge=4096, le=1 << 40)] | None = None
    """Bytes in one file."""


class Capabilities(Model):
    """The declared toolset and all the sandbox will allow; absent `sandbox` allows nothing."""

    spec_version: (
        Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None
    ) = None
    """The newest MCP revision that it speaks."""
    tools: tuple[DeclaredTool, ...] = ()
    """The tools that it lists; a name alone is enough."""
    prompts: tuple[DeclaredPrompt, ...] = ()
    """The prompts that it lists."""
    resources: tuple[DeclaredResource, ...] = ()
    """The resources and templates that it lists."""
    sandbox: tuple[str, ...] = ()
    """`fs:read:PATH`, `fs:write:PATH`, `net:none`, `net:egress:HOST:PORT`, `env:NAME`, …"""
    limits: LimitsRequest | None = None
    """More, or less, than the registry's defaults."""

    def parsed(self) -> tuple[capability.Capability, ...]:
        """The sandbox capabilities as values. Raises `CapabilityError`."""
        return capability.parse_all(self.sandbox)


class Consent(Model):
    """Something a person must accept before the first run."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    """A short name for it."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """What the person is asked to accept."""


class Manifest(Model):
    """One version of one server."""

    json_schema: str | None = Field(default=None, alias="$schema")
    """Address of the schema that an editor should use."""
    name: Annotated[
        str,
        StringConstraints(
            min_length=3,
            max_length=names.NAME_LIMIT,
            pattern=f"^{names.NAME_PATTERN}$",
        ),
    ]
    """`namespace/name`."""
    title: Short | None = None
    """The name that people see."""
    description: Short
    """What it does, in a sentence."""
    version: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    """One exact version; semantic versions order as such."""
    website_url: Url | None = None
    """Its home page."""
    repository: Repository | None = None
    """Where its source is."""
    icons: tuple[Icon, ...] | None = None
    """Images that a client may show."""
    packages: tuple[Package, ...] | None = None
    """The ways to install it."""
    remotes: tuple[HttpTransport, ...] | None = None
    """Where it runs already."""
    meta: dict[str, Any] | None = Field(default=None, alias="_meta")
    """Data of the publisher's tools, at most 4096 bytes."""
    license: str | None = None
    """SPDX expression."""
    tags: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], ...] = ()
    """Lower-case words to find it by."""
    capabilities: Capabilities = Capabilities()
    """What it offers, and what the sandbox will allow."""
    required_consents: tuple[Consent, ...] = ()
    """What a person must accept before the first run."""
    dependencies: tuple[str, ...] = ()
    """Names of other servers that it is meant to be used with."""

    @property
    def is_remote(self) -> bool:
        """Whether the server only runs elsewhere, where no sandbox of ours can hold it."""
        return not self.packages and bool(self.remotes)

    def document(self) -> dict[str, Any]:
        """The manifest as JSON, absent fields left out, in the model's own field order."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)

    def canonical(self) -> bytes:
        """RFC 8785 bytes of `document()`: what the lock, the record and the signature name."""
        return canonical.dumps(self.document())

    def digest(self) -> str:
        """`sha256:` digest of `canonical()`."""
        return canonical.sha256(self.canonical())


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest file strictly: no lax conversions, and only the names on the wire.

    Raises:
        pydantic.ValidationError: not a manifest. `mcpreg.usecases.validate` says it in words.
        ValueError: more than `MAX_MANIFEST_BYTES`.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise ValueError(f"manifest of {len(data)} bytes; at most {MAX_MANIFEST_BYTES}")
    return Manifest.model_validate_json(data, strict=True, by_alias=True, by_name=False)
