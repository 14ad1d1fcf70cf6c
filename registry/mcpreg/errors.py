"""Every failure a person can meet: what, where, why, and what to do next.

One base class, caught once (in `mcpreg.cli.failing`), printed with its hint. The classes below it
differ only in the exit code that SPEC section 5 gives them; foreign exceptions are translated
into one of these where they enter, with their cause kept.
"""

from __future__ import annotations


class McpregError(Exception):
    """Something went wrong that the person can act on. Exit code 1: findings or a failed check."""

    exit_code = 1
    kind = "failed"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class UsageError(McpregError):
    """The command line or a settings file does not make sense."""

    exit_code = 2
    kind = "usage"


class NotFoundError(McpregError):
    """The server, version, run or registry named does not exist."""

    exit_code = 3
    kind = "not-found"


class VerificationError(McpregError):
    """Bytes that do not match what was signed. Never continue past one."""

    exit_code = 4
    kind = "verification-refused"


class PolicyError(McpregError):
    """Allowed by the signature, refused by the person, the policy or the lock."""

    exit_code = 5
    kind = "policy-refused"


class SandboxKilledError(McpregError):
    """The server reached for something undeclared and was killed."""

    exit_code = 6
    kind = "sandbox-killed"


class UnreachableError(McpregError):
    """A registry or package index did not answer."""

    exit_code = 7
    kind = "unreachable"


class SandboxSetupError(McpregError):
    """The sandbox could not be set up as planned; nothing was started (fail closed)."""

    kind = "sandbox-setup"


class InternalError(McpregError):
    """Our fault."""

    exit_code = 70
    kind = "internal"
