"""One JSON line an event, one file a run."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from types import TracebackType


class AuditLog:
    """A run's file."""

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self.run_id = run_id

    @classmethod
    def create(cls, state: Path, *, server: str, version: str) -> AuditLog:
        """A new run's log."""
        run_id = secrets.token_hex(6)
        path = state / "runs" / f"{run_id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        log = cls(path, run_id)
        log.record("run", server=server, version=version)
        return log

    def record(self, event: str, /, **fields: object) -> None:
        """Append one event."""
        with self.path.open("a") as stream:
            stream.write(json.dumps({"event": event, **fields}) + "\n")

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, error, trace
