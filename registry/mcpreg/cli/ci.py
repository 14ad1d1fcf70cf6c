"""`mcpreg ci …`: what a registry's own workflows call, and a person can run."""

from __future__ import annotations

from mcpreg.cli.main import LazyGroup

COMMANDS = {
    "check": ("mcpreg.cli.ci_check", "Check what a pull request changes, or what main has new."),
    "sign": ("mcpreg.cli.ci_sign", "Attest the new versions with the workflow's identity."),
    "publish": ("mcpreg.cli.ci_publish", "Record and sign what main has and published lacks."),
}

command = LazyGroup("ci", table=COMMANDS, help="What a registry's own workflows call.")
