"""What a run did, in a file that shows when it was changed: `AuditLog`, `read_run`, `list_runs`."""

from mcpreg.audit.chain import Event
from mcpreg.audit.index import Run, list_runs
from mcpreg.audit.log import AuditLog, Reading, printable, read_run

__all__ = ["AuditLog", "Event", "Reading", "Run", "list_runs", "printable", "read_run"]
