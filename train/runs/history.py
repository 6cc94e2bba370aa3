"""The history of a fit: one record per epoch, kept in ``history.csv``."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from train.checksums import known_fields, verified
from train.files import write_csv


@dataclass(frozen=True)
class EpochRecord:
    """One row of the history.

    Attributes:
        epoch: from 1.
        lr: learning rate of the last step.
        loss: mean over the training clips.
        score: the selection metric on the clips that choose the epoch; NaN if undefined or not computed.
        skipped: constant batch columns that a correlation loss left out.
    """

    epoch: int
    lr: float
    loss: float
    score: float
    skipped: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpochRecord:
        """Return a record of JSON values, which have null for what is undefined: a score, or a loss."""
        defined = {name: math.nan if values[name] is None else values[name] for name in ("loss", "score")}
        return cls(**{**values, **defined})


def write_history(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write one row per epoch; an undefined number is an empty cell."""
    rows = [asdict(record) for record in history]
    write_csv(path, list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])


def read_history(path: Path) -> dict[str, list[float]]:
    """Return the columns of ``history.csv``; an undefined number is NaN ("None" in files of older versions).

    Raises:
        RunError: if the file is damaged, or is none.
    """
    with known_fields(path, "a history"), verified(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
        return {
            field.name: [float("nan" if row[field.name] in ("", "None") else row[field.name]) for row in rows]
            for field in fields(EpochRecord)
        }


def _cell(value: float) -> str:
    return "" if isinstance(value, float) and math.isnan(value) else repr(value)
