"""Shell completion, and help topics that say what the code does."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installed_machine import CLOCK, InstalledMachine, installed_machine
from mcpreg import errors
from mcpreg.cli.completion import SHELLS, VARIABLE
from mcpreg.cli.help import TOPICS, text_of
from mcpreg.cli.main import COMMANDS
from mcpreg.core import capability, safety
from mcpreg.core.install import InputSpec
from mcpreg.errors import McpregError
from mcpreg.store.places import places
from terminal import listener
from warm_start import started

HEAVY = ("pydantic", "tuf", "sigstore", "mcp", "cryptography", "git", "asyncio", "rich", "yaml")


@pytest.fixture(scope="module")
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        made.install()
        made.install(version="2.0.0")
        key = InputSpec("env", "API_KEY", secret=True)
        made.install(name="io.github.acme/tide", inputs=(key,))
        yield made


def complete(machine: InstalledMachine, *words: str, flags: tuple[str, ...] = ()) -> str:
    """What the program tells bash for the last word."""
    environment = {
        **machine.environment,
        VARIABLE: "bash_complete",
        "COMP_WORDS": " ".join(("mcpreg", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, *flags, "-m", "mcpreg"] if flags else started("mcpreg"),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=machine.project,
    )
    return done.stderr if flags else done.stdout


def words(text: str) -> list[str]:
    return [line.partition(",")[2] for line in text.split()]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("re",), ["registry"]),
        (("run", "io.github.acme/"), [CLOCK, "io.github.acme/tide"]),
        (("uninstall", "io.github.acme/cl"), [CLOCK]),
        (("run", f"{CLOCK}@"), [f"{CLOCK}@1.0.0", f"{CLOCK}@2.0.0"]),
        (("run", "com."), []),
        (("client", "ad"), ["add"]),
        (("client", "add", CLOCK, "--client", "cu"), ["cursor"]),
        (("inputs", "u"), ["unset"]),
        (("inputs", "set", "io.github.acme/tide", "AP"), ["API_KEY"]),
        (("inputs", "set", "io.github.acme/gone", ""), []),
        (("help", "ex"), ["exit-codes"]),
        (("completion", "f"), ["fish"]),
        (("stop", "2"), []),
    ],
)
def test_words_complete(
    machine: InstalledMachine, typed: tuple[str, ...], expected: list[str]
) -> None:
    assert words(complete(machine, *typed)) == expected


def test_every_command_completes(machine: InstalledMachine) -> None:
    assert words(complete(machine, "")) == list(COMMANDS)


@pytest.mark.parametrize(
    "typed", [("r",), ("run", "io"), ("inputs", "set", "io.github.acme/tide", "")]
)
def test_a_tab_imports_nothing_heavy(machine: InstalledMachine, typed: tuple[str, ...]) -> None:
    told = complete(machine, *typed, flags=("-X", "importtime"))
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "click.shell_completion" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"servers": 7}', '{"servers": {"a\\nb/c": {}}}'])
def test_a_damaged_list_completes_to_nothing(text: str) -> None:
    with installed_machine() as broken:
        file = broken.folder / "data/mcpreg/installed.json"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        assert words(complete(broken, "run", "")) == []


def shell_with_us(machine: InstalledMachine, name: str) -> tuple[str, dict[str, str]]:
    """A shell, and an environment in which it finds our command."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed: python3 scripts/setup.py --with {name}")
    return program, {**machine.environment, "PATH": f"{on_path(machine)}:{os.environ['PATH']}"}


def on_path(machine: InstalledMachine) -> Path:
    programs = machine.folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "mcpreg"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(started("mcpreg"))} "$@"\n')
    program.chmod(0o755)
    return programs


@pytest.mark.cold
def test_bash_itself_completes_what_is_installed(machine: InstalledMachine) -> None:
    bash, environment = shell_with_us(machine, "bash")
    script = (
        'eval "$(mcpreg completion bash)"; COMP_WORDS=(mcpreg run io.github.acme/c); COMP_CWORD=2; '
        "_mcpreg_completion mcpreg; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        [bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{CLOCK}\n", done.stderr


def test_fish_itself_completes_what_is_installed(machine: InstalledMachine) -> None:
    fish, environment = shell_with_us(machine, "fish")
    script = 'mcpreg completion fish | source; complete -C "mcpreg run io.github.acme/c"'
    done = subprocess.run(
        [fish, "--no-config", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [CLOCK], done.stderr


def test_zsh_itself_completes_what_is_installed(machine: InstalledMachine) -> None:
    """zsh completes on a terminal only, so it gets one, and a tab is typed."""
    zsh, environment = shell_with_us(machine, "zsh")
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [zsh, "-f", "-i"],
        env={**environment, "TERM": "dumb", "PS1": "ready> "},
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    ) as shell:  # fmt: skip
        os.close(terminal)
        try:
            hear = listener(ours)
            hear(b"ready> ")
            os.write(ours, b'autoload -U compinit; compinit -u -D; eval "$(mcpreg completion zsh)"')
            os.write(ours, b"; echo set''up\n")
            hear(b"setup\r\n")
            hear(b"ready> ")
            os.write(ours, b"mcpreg run io.github.acme/c\t")
            hear(CLOCK.encode())
        finally:
            shell.kill()
            os.close(ours)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_asks_us(machine: InstalledMachine, shell: str) -> None:
    script = machine.mcpreg("completion", shell).stdout
    assert f"{VARIABLE}={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_exit_codes_are_those_of_the_errors() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text_of("exit-codes"), re.MULTILINE)}
    kinds = [item for item in vars(errors).values() if isinstance(item, type)]
    ours = {kind.exit_code for kind in kinds if issubclass(kind, McpregError)}
    assert told == ours | {0, 130}  # done, and Ctrl-C


def test_the_readme_names_the_same_exit_codes() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    sentence = readme.partition("Exit codes: ")[2].partition("our fault")[0]
    told = set(re.findall(r"\d+", sentence))
    assert told == set(re.findall(r"^\| (\d+) \|", text_of("exit-codes"), re.MULTILINE)) - {"130"}


def test_every_capability_shown_is_in_the_grammar_and_every_kind_is_shown() -> None:
    shown = re.findall(r"^\| `([^`]+)` \|", text_of("capabilities"), re.MULTILINE)
    parsed = [capability.parse(text) for text in shown]
    assert [str(item) for item in parsed] == shown
    kinds = {type(item) for item in parsed}
    assert kinds == {
        capability.Files,
        capability.Network,
        capability.Egress,
        capability.Variable,
    }


def test_every_level_is_explained() -> None:
    told = re.findall(r"^\| \*\*(\w+)\*\* \|", text_of("capabilities"), re.MULTILINE)
    assert told == [str(level) for level in safety.Level]


@pytest.mark.parametrize(
    ("declared", "level"),
    [
        ((), "safe"),
        (("fs:read:{directory}/**",), "low"),
        (("net:egress:api.example.com:443",), "low"),
        (("fs:write:~/notes/**",), "medium"),
        (("net:egress:*.example.com:443",), "medium"),
        (("fs:read:~/**",), "high"),
    ],
)
def test_levels_are_as_the_topic_says(declared: tuple[str, ...], level: str) -> None:
    assert str(safety.level(capability.parse_all(declared), secrets=frozenset()).level) == level


def test_the_folders_named_are_this_persons() -> None:
    where = places()
    text = text_of("files")
    assert all(str(folder) in text for folder in (where.config, where.data, where.cache))
    assert "{" not in text


def test_the_steps_named_are_those_of_verification() -> None:
    from mcpreg.trust import verify

    steps = re.findall(r"^\d+\. ", verify.__doc__ or "", re.MULTILINE)
    told = text_of("trust").partition("in this order:")[2].partition("`mcpreg verify")[0]
    assert told.count(";") + 1 == len(steps)


@pytest.mark.parametrize("topic", TOPICS)
def test_topics_are_shown_and_name_real_commands(machine: InstalledMachine, topic: str) -> None:
    shown = machine.mcpreg("help", topic)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    named = set(re.findall(r"`mcpreg (\w+)", text_of(topic)))
    assert named <= set(COMMANDS)


@pytest.mark.cold
def test_help_explains_commands_too(machine: InstalledMachine) -> None:
    assert "Usage: mcpreg client" in machine.mcpreg("help", "client").stdout
    assert "capabilities" in machine.mcpreg("help").stdout
    assert machine.mcpreg("help", "nonsense").returncode == 3
