"""Command lines of ours in scripts and documents, held against the real click commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from mcpreg.cli.main import cli as mcpreg
from mcpreg_site.cli.main import cli as mcpreg_site

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS: dict[str, click.Command] = {"mcpreg": mcpreg, "mcpreg-site": mcpreg_site}
_LINE = re.compile(r"^\s*(?:\$ )?((?:mcpreg|mcpreg-site) .*)$", re.MULTILINE)
_BLOCK = re.compile(r"(?:^(?: {4,}|\t).*\n?)+|^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:mcpreg|mcpreg-site) [^`]+)`")


def lines_of_shell(script: str) -> Iterator[str]:
    """Each call of a command of ours, on one line."""
    joined = re.sub(r"\\\n\s*", " ", script)
    joined = re.sub(r'\$\{\w+:\+([^}"]*)"?\$?\w*"?\}', r"\1 VALUE", joined)
    for match in _LINE.finditer(joined):
        yield re.split(r"\s(?:\|\||&&|[|;>#])", match[1])[0].strip()


def lines_of_document(text: str) -> Iterator[str]:
    """Each call in a Markdown document's code blocks and inline code."""
    for block in _BLOCK.finditer(text):
        yield from lines_of_shell(block[1] or block[0])
    for match in _INLINE.finditer(text):
        yield match[1]


def problem_with(line: str) -> str | None:
    """What the program would say of the line's words, values aside; None when it takes them."""
    program, *words = shlex.split(re.sub(r"\$\{?\w+[^\s\"]*", "VALUE", line))
    command, context = PROGRAMS[program], click.Context(PROGRAMS[program], info_name=program)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0]) if words else None
        if found is None:
            return f"{command.name} has no command {words[:1]}"
        context = click.Context(found, info_name=words[0], parent=context)
        command, words = found, words[1:]
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    if left:
        return f"nothing takes {left}"
    missing = [
        parameter.opts[-1]
        for parameter in command.params
        if parameter.required and given.get(parameter.name or "") in (None, ())
    ]
    return f"{' '.join(missing)} missing" if missing else None
