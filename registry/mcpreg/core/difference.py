"""What a new version changes against the one that was approved last, in words (SPEC section 2).

What *widens* is held until a maintainer approves that very difference; the rest is shown. Widening
is computed over the union of both sides' kinds (`core.compare`), and what a manifest can ask for
outside its capabilities counts as well: a secret argument or header, where the locked package comes
from, who signs, a consent that is no longer asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mcpreg.core import canonical, safety, toolset
from mcpreg.core.compare import Comparison, Difference, compare_manifests
from mcpreg.core.lock import BinaryRuntime, ImageRuntime, Lock, NodeRuntime, RemoteRuntime
from mcpreg.core.manifest import Input, InputWithVariables, Manifest


@dataclass(frozen=True, slots=True)
class Side:
    """One version as it was, or is to be, approved. `signer` is who attested it, when known."""

    manifest: Manifest
    lock: Lock | None = None
    signer: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What came, what went, and what is another thing under the same name; each in name order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """Everything that reviewers and users should see between two versions.

    `dependencies` are locked artifacts: `name version` when added or removed, and
    `name: 1.0 → 1.1` when changed. `runtime` and `entry` are a sentence each, empty when equal.
    """

    previous: str
    version: str
    widened: tuple[Difference, ...]
    narrowed: tuple[Difference, ...]
    tools: Changes
    prompts: Changes
    variables: Changes
    dependencies: Changes
    instructions: str = ""
    runtime: str = ""
    entry: str = ""

    @property
    def digest(self) -> str | None:
        """What an approval names; None when nothing is held."""
        return digest_of(self.widened) if self.widened else None


def difference(old: Side, new: Side) -> VersionDifference:
    """Compare two versions of one server.

    Raises:
        CapabilityError: either manifest names a capability outside the grammar.
    """
    compared = widening(old, new)
    return VersionDifference(
        previous=old.manifest.version,
        version=new.manifest.version,
        widened=compared.widened,
        narrowed=compared.narrowed,
        tools=tool_changes(old, new),
        prompts=prompt_changes(old, new),
        variables=_between(_variables(old.manifest), _variables(new.manifest)),
        dependencies=artifact_changes(old.lock, new.lock),
        instructions=instructions_change(old, new),
        runtime=_runtime_change(old.lock, new.lock),
        entry=_entry_change(old.lock, new.lock),
    )


def widening(old: Side, new: Side) -> Comparison:
    """What the newer allows beyond the older and the reverse, everything that is held included.

    Raises:
        CapabilityError: either manifest names a capability outside the grammar.
    """
    compared = compare_manifests(old.manifest, new.manifest)
    beyond = (
        *_new_secrets(old.manifest, new.manifest),
        *_locked_origin(old, new),
        *_dropped_consents(old.manifest, new.manifest),
        *_signer(old, new),
    )
    return compared + Comparison(widened=beyond)


def digest_of(widened: Iterable[Difference]) -> str:
    """`sha256:` over what widens, whatever its order.

    The sentence counts too: how much memory or which way a secret turned stands only there.
    """
    items = {(item.kind, item.subject, item.sentence) for item in widened}
    return canonical.digest([list(item) for item in sorted(items)])


def _new_secrets(old: Manifest, new: Manifest) -> Iterator[Difference]:
    """A secret that is no `env:` capability; its name alone says nothing about where it goes."""
    before = _handed_secrets(old)
    for subject, sentence in sorted(_handed_secrets(new).items()):
        if subject not in before:
            yield Difference("secret", subject, sentence)


def _handed_secrets(manifest: Manifest) -> dict[str, str]:
    """Secret arguments, and what is sent to remotes, by where they go."""
    found: dict[str, str] = {}
    for package in manifest.packages or ():
        for item in (*(package.package_arguments or ()), *(package.runtime_arguments or ())):
            name = (item.name if item.type == "named" else item.value_hint) or "argument"
            if _is_secret(item, name):
                found[f"argument {name}"] = f"receives a secret as the argument {name}"
    for remote in manifest.remotes or ():
        sent: dict[str, Input] = {item.name: item for item in remote.headers or ()}
        for name, one in (sent | (remote.variables or {})).items():
            if _is_secret(one, name):
                found[f"{name} to {remote.url}"] = f"sends the secret {name} to {remote.url}"
    return found


def _is_secret(item: Input, name: str) -> bool:
    """As `safety.secrets_of` has it for variables: leaving the mark out must not help."""
    parts = item.variables if isinstance(item, InputWithVariables) else None
    inner = any(variable.is_secret for variable in (parts or {}).values())
    return item.is_secret or inner or safety.sounds_secret(name)


def _locked_origin(old: Side, new: Side) -> Iterator[Difference]:
    """Of two packages that a manifest names, the lock installs one: turning to the other counts."""
    if old.lock is None or new.lock is None:
        return
    was, now = (
        f"{side.package.registry_type} {side.package.identifier}" for side in (old.lock, new.lock)
    )
    if was != now:
        yield Difference("origin", f"lock {now}", f"is installed from {now} instead of {was}")


def _dropped_consents(old: Manifest, new: Manifest) -> Iterator[Difference]:
    kept = {consent.id for consent in new.required_consents}
    for consent in old.required_consents:
        if consent.id not in kept:
            yield Difference(
                "consent", consent.id, f"no longer asks for the consent {consent.id!r}"
            )


def _signer(old: Side, new: Side) -> Iterator[Difference]:
    if old.signer and new.signer and old.signer != new.signer:
        yield Difference("signer", new.signer, f"is signed by {new.signer} instead of {old.signer}")


def tool_changes(old: Side, new: Side) -> Changes:
    """Tools by name; changed when what a model reads of one (`core.toolset`) has another hash."""
    if old.lock and new.lock:
        return _between(old.lock.toolset.all_tools, new.lock.toolset.all_tools)
    # Without both locks only what is declared can be compared, and a bare name declares nothing.
    return _between(_declared_tools(old.manifest), _declared_tools(new.manifest))


def prompt_changes(old: Side, new: Side) -> Changes:
    """Prompts by name, as `tool_changes`."""
    if old.lock and new.lock:
        return _between(old.lock.toolset.all_prompts, new.lock.toolset.all_prompts)
    return _between(_declared_prompts(old.manifest), _declared_prompts(new.manifest))


def instructions_change(old: Side, new: Side) -> str:
    """What became of the instructions that a server gives to every model; empty when equal."""
    if not (old.lock and new.lock):
        return ""
    was, now = old.lock.toolset.instructions, new.lock.toolset.instructions
    if was == now:
        return ""
    return "has new instructions" if was is None else "has other instructions"


def artifact_changes(old: Lock | None, new: Lock | None) -> Changes:
    """Locked artifacts: `name version` that came or went, `name: versions → versions` that changed.

    A version with other bytes says so: an index never changes what it published.
    """
    before, after = _artifacts(old), _artifacts(new)
    turned = (_turned(name, before[name], after[name]) for name in sorted(before.keys() & after))
    return Changes(
        added=tuple(_spelled(name, after[name]) for name in sorted(after.keys() - before)),
        removed=tuple(_spelled(name, before[name]) for name in sorted(before.keys() - after)),
        changed=tuple(filter(None, turned)),
    )


_Versions = dict[str, dict[str, str]]
"""Version to platform to hash; npm's archives serve every platform."""


def _artifacts(lock: Lock | None) -> dict[str, _Versions]:
    found: dict[str, _Versions] = {}
    if lock is None:
        return found
    for wheel in lock.wheels:
        files = found.setdefault(wheel.name, {}).setdefault(wheel.version, {})
        files |= dict.fromkeys(wheel.platforms or ("any",), wheel.sha256)
    for package in lock.npm_packages:
        name = package.path.rpartition("node_modules/")[2] or package.path
        files = found.setdefault(name, {}).setdefault(package.version, {})
        if package.integrity:
            files["any"] = package.integrity
    for image in lock.images or ():
        files = found.setdefault(lock.package.identifier.partition("@")[0], {}).setdefault("", {})
        files[image.platform] = image.manifest
    if lock.archive:
        # One by one: a package that a bundle took in is a dependency like any other.
        for item in lock.archive.bundled:
            found.setdefault(item.name, {}).setdefault(item.version, {})
        files = found.setdefault(lock.package.identifier, {}).setdefault(lock.archive.version, {})
        files["any"] = lock.archive.sha256
    return found


def _spelled(name: str, versions: _Versions) -> str:
    return f"{name} {', '.join(sorted(versions))}"


def _turned(name: str, before: _Versions, after: _Versions) -> str | None:
    if before.keys() != after.keys():
        return f"{name}: {', '.join(sorted(before))} → {', '.join(sorted(after))}"
    for version in sorted(after):
        was, now = before[version], after[version]
        # A platform more is a wheel more; another file for the same platform is another matter.
        if any(was[platform] != now[platform] for platform in was.keys() & now):
            return f"{name}: {version} with other bytes"
    return None


def _declared_tools(manifest: Manifest) -> dict[str, str]:
    return toolset.tool_hashes(
        tool.model_dump(mode="json", by_alias=True, exclude_none=True)
        for tool in manifest.capabilities.tools
    )


def _declared_prompts(manifest: Manifest) -> dict[str, str]:
    return toolset.prompt_hashes(
        prompt.model_dump(mode="json", by_alias=True, exclude_none=True)
        for prompt in manifest.capabilities.prompts
    )


def _variables(manifest: Manifest) -> dict[str, str]:
    """Every declared variable with how it is declared, secret or not."""
    return {
        variable.name: canonical.digest(
            variable.model_dump(mode="json", by_alias=True, exclude_none=True)
        )
        for package in manifest.packages or ()
        for variable in package.environment_variables or ()
    }


def _runtime_change(old: Lock | None, new: Lock | None) -> str:
    was, now = _runtime(old), _runtime(new)
    return f"runs on {now or 'nothing locked'} instead of {was}" if was and was != now else ""


def _runtime(lock: Lock | None) -> str:
    if lock is None:
        return ""
    runtime = lock.runtime
    if isinstance(runtime, NodeRuntime):
        return f"Node {runtime.major}"
    if isinstance(runtime, ImageRuntime):
        return "a container image"
    if isinstance(runtime, BinaryRuntime):
        return "a program of its own"
    if isinstance(runtime, RemoteRuntime):
        return "somebody else's machine"
    return f"Python {', '.join(runtime.versions)}"


def _entry_change(old: Lock | None, new: Lock | None) -> str:
    if old is None or new is None or old.entry == new.entry:
        return ""
    return f"is started with {' '.join(new.entry)!r} instead of {' '.join(old.entry)!r}"


def _between(old: Mapping[str, str], new: Mapping[str, str]) -> Changes:
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )
