"""What every tracker takes: a run's name and parameters, its epochs, its scores, its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from train.runs.history import EpochRecord

Parameter = str | int | float | bool


@dataclass(frozen=True)
class About:
    """What a tracker is told as a run begins, or goes on.

    Attributes:
        name: path of its folder below the one that the command's lies in, such as "parts/runs/lstm/seed-0".
        key: of what decides it and of its name: the same fit has the same, begun again or not.
        parameters: by name.
        metric: what its epochs are scored by, in words: "inner pearson".
    """

    name: str
    key: str
    parameters: Mapping[str, Parameter]
    metric: str = "score"


class Tracker(Protocol):
    """One run at a tracker, made from the place that it writes to; whatever is told twice is kept once."""

    def __init__(self, place: str, about: About) -> None: ...

    @staticmethod
    def look(place: str) -> str:
        """Return the command, or the address, with which people look at what was told."""

    def epochs(self, phase: str, records: Sequence[EpochRecord]) -> None:
        """Take all epochs of a pass so far; ``phase`` is "epoch", or "refit" for a second pass."""

    def scores(self, values: Mapping[str, float], epoch: int) -> None:
        """Take the final scores, finite ones, by name, and the epoch whose head has them."""

    def pictures(self, paths: Iterable[Path]) -> None:
        """Take PNG files."""

    def close(self, *, finished: bool) -> None:
        """Write everything; ``finished`` is false where the run was stopped, to be continued."""


def values_of(record: EpochRecord, metric: str) -> dict[str, float]:
    """Return what is told of an epoch, by name; a score that is not defined may be NaN."""
    return {"loss": record.loss, metric: record.score, "lr": record.lr, "skipped columns": record.skipped}
