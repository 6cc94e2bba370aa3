"""One check of a machine, and what its state can be."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "FAILED"


@dataclass(frozen=True)
class Check:
    """One row of the table: what was looked at, how it stands, what was seen, and what to do about it."""

    name: str
    state: str
    found: str
    advice: str = ""
