"""`mcpreg ci …`: what a registry's own workflows call, and a person can run."""

from __future__ import annotations

from mcpreg.cli.main import LazyGroup

COMMANDS = {
    "check": ("mcpreg.cli.ci_check", "Check what a pull request changes, or what main has new."),
    "sign": ("mcpreg.cli.ci_sign", "Attest the new versions with the workflow's identity."),
    "publish": ("mcpreg.cli.ci_publish", "Record and sign what main has and published lacks."),
    "approve": ("mcpreg.cli.ci_approve", "Let a held difference through, as a maintainer."),
    "except": ("mcpreg.cli.ci_except", "Let a version fail a rule, for a reason, until a day."),
    "review": ("mcpreg.cli.ci_review", "Sign a security review or a certification."),
    "deprecate": ("mcpreg.cli.ci_deprecate", "Say that a version should not be used any more."),
    "delete": ("mcpreg.cli.ci_delete", "Retire a version; its address says why."),
    "restore": ("mcpreg.cli.ci_restore", "Make a retired version active again."),
}

command = LazyGroup("ci", table=COMMANDS, help="What a registry's own workflows call.")
