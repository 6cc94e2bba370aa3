"""One piece of damage that ``emi-cache verify`` has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One piece of damage.

    Attributes:
        shard: the file it was found in.
        problem: what is wrong.
        clip: its id; empty where a whole shard is concerned.
        field: the array; empty likewise.
        repair: whether setting the shard aside, to be extracted again, would mend it.
        orphan: whether it is a shard that no commit record names.
    """

    shard: str
    problem: str
    clip: str = ""
    field: str = ""
    repair: bool = True
    orphan: bool = False

    def __str__(self) -> str:
        where = ", ".join(filter(None, [f"clip {self.clip}" if self.clip else "", self.field]))
        return f"{self.shard}: {where + ': ' if where else ''}{self.problem}"
