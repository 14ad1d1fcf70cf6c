"""What a run says of the versions that it left out: on the job's summary page, for maintainers."""

from __future__ import annotations

from collections.abc import Sequence

from mcpreg.usecases.admission import LeftOut
from mcpreg.usecases.quoting import as_code

MAX_SHOWN = 100  # a job's summary holds a mebibyte; the log names all


def render(left_out: Sequence[LeftOut]) -> str:
    """Markdown; nothing at all when no version was left out."""
    if not left_out:
        return ""
    lines = [
        f"### {len(left_out)} not published",
        "",
        "Everything else is. The next run looks at these again.",
        "",
    ]
    for item in left_out[:MAX_SHOWN]:
        lines += [f"- {as_code(item.version)}: {as_code(item.reason)}", f"  {as_code(item.hint)}"]
    if len(left_out) > MAX_SHOWN:
        lines.append(f"- … and {len(left_out) - MAX_SHOWN} more, which the log names")
    return "\n".join([*lines, ""])
