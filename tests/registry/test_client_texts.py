"""Any TOML and YAML that people write: one server goes in and comes out, the rest stays."""

from __future__ import annotations

import tomllib

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.clients import edit
from mcpreg.clients.codex import CODEX
from mcpreg.clients.goose import GOOSE
from mcpreg.clients.interface import Client, ConfigError, Start
from mcpreg.clients.yaml_text import Yaml

START = Start("ours", "/opt/mc preg", ("run", "io.github.acme/clock@1.0.0", "--", 'a "b"\\', "é\t"))

TOML_PARTS = st.sampled_from(
    [
        "# a comment\n",
        "\n",
        "\n\n",
        "[tui]\nnotifications = true\n",
        "[mcp_servers.docs]\ncommand = 'x' # why\nargs = [\n  'a', # b\n]\n",
        "[mcp_servers.docs.env]\nA = '1'\n\n# about what comes next\n",
        '[mcp_servers."with space"]\nurl = "https://x.example"\n',
        "[[hooks]]\nrun = '''\n[mcp_servers.ours]\n'''\n",
        "[projects.'/home/me']\ntrust_level = 'trusted'",
    ]
)
YAML_PARTS = st.sampled_from(
    [
        "# a comment\n",
        "\n",
        "GOOSE_MODEL: m # why\n",
        "other:\n- a\n-   b\n",
        "text: |\n  extensions:\n    ours: 1\n",
        "quoted: 'a: b'\n",
        "deep:\n    a:\n        b: {c: [d, e]}\n",
    ]
)
EXTENSIONS = st.sampled_from(
    [
        "",
        "extensions: {}\n",
        "extensions: {}   # none\n",
        "extensions:\n  dev:\n    type: builtin # it\n    args:\n    - a\n",
        "extensions: # mine\n    dev:\n        type: x\n\n    # about sse\n    sse: {type: sse}\n",
    ]
)
UNIQUE = st.lists(YAML_PARTS, max_size=3, unique=True)


def there_and_back(client: Client, text: str) -> str:
    held = edit.has_container(client, text)
    put = edit.added(client, text, START)
    assert edit.servers(client, put)["ours"] == START
    lines = set(text.splitlines())
    assert lines - {line for line in lines if "{}" in line} <= set(put.splitlines())
    assert edit.added(client, put, START) == put
    return edit.removed(client, put, "ours", container_too=not held)


@given(st.lists(TOML_PARTS, max_size=6), st.booleans())
@settings(deadline=None, max_examples=80)
def test_toml_comes_back_byte_for_byte(parts: list[str], windows: bool) -> None:
    text = "\n".join(parts) if any(not part.endswith("\n") for part in parts) else "".join(parts)
    text = text.replace("\n", "\r\n") if windows else text
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a table twice
    assert there_and_back(CODEX, text) == text


@given(UNIQUE, EXTENSIONS, UNIQUE)
@settings(deadline=None, max_examples=80)
def test_yaml_comes_back_byte_for_byte(before: list[str], own: str, after: list[str]) -> None:
    text = "".join([*before, own, *(part for part in after if part not in before)])
    assert isinstance(Yaml().read(text), dict)
    assert there_and_back(GOOSE, text) == text


@given(st.text(alphabet="extnsio: \n-{}[]'\"#&*|>ab", max_size=60))
@settings(deadline=None, max_examples=100)
def test_odd_yaml_is_changed_as_it_should_be_or_not_at_all(text: str) -> None:
    for start in (text, f"extensions:\n{text}", f"extensions:\n  a:\n    {text}"):
        try:
            put = edit.added(GOOSE, start, START)
        except ConfigError:
            continue
        expected = yaml.safe_load(start) or {}
        expected["extensions"] = {**(expected.get("extensions") or {}), "ours": GOOSE.entry(START)}
        assert yaml.safe_load(put) == expected
