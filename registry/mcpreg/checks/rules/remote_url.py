"""A remote server is reached by https, somewhere else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from mcpreg.checks.examples import with_remote
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def _host(url: str) -> str:
    try:
        return urlsplit(url.replace("{", "").replace("}", "")).hostname or ""
    except ValueError:  # a bracket without its pair: no address at all
        return "localhost"


def _names_a_user(url: str) -> bool:
    return "@" in url.partition("://")[2].partition("/")[0]


def _is_local(host: str) -> bool:
    if host in ("", "localhost") or host.endswith(_LOCAL_SUFFIXES):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _check(subject: Subject) -> Iterator[Problem]:
    for index, item in enumerate(subject.manifest.remotes or ()):
        place = ("remotes", index, "url")
        if not item.url.startswith("https://"):
            yield Problem(f"{item.url!r} is not an https address", place, "use https")
        if _names_a_user(item.url):
            # Not quoted: it may be somebody's password.
            message = "the address holds a user name or a password"
            yield Problem(message, place, "let a header carry it, as an input that is secret")
        if _is_local(_host(item.url)):
            message = f"{item.url!r} is an address of one machine or network"
            yield Problem(message, place, "use a public host name")


RULE = Rule(
    id="remote-url",
    severity=Severity.ERROR,
    rationale=(
        "The official registry refuses plain http and addresses of one machine or network; a "
        "password in an address is in every log."
    ),
    fires=Example(with_remote(url="http://localhost:8080/mcp")),
    silent=Example(with_remote()),
    check=_check,
)
