"""One check of a machine, what its state can be, and the table of all checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cache.common.words import counted

OK, WARNING, FAILED = "ok", "warning", "FAILED"


@dataclass(frozen=True)
class Check:
    """One row of the table: what was looked at, how it stands, what was seen, and what to do about it."""

    name: str
    state: str
    found: str
    advice: str = ""


def as_text(checks: Sequence[Check]) -> str:
    """Return the checks as a table for a terminal."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.name:{width}}  {check.state:7}  {check.found}")
        if check.advice and check.state != OK:
            lines.append(f"{'':{width}}  {'':7}  → {check.advice}")
    failed, warned = (sum(check.state == state for check in checks) for state in (FAILED, WARNING))
    lines.append(f"{counted(len(checks), 'check')}, {failed} failed, {counted(warned, 'warning')}")
    return "\n".join(lines)
