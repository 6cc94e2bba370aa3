"""The history of a fit: one record per epoch, kept in ``history.csv``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    def from_dict(cls, fields: Mapping[str, Any]) -> EpochRecord:
        """Return a record of JSON values, which have null for an undefined score."""
        score = fields["score"]
        return cls(**{**fields, "score": math.nan if score is None else score})


def write_history(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write one row per epoch; an undefined number is an empty cell."""
    rows = [asdict(record) for record in history]
    write_csv(path, list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])


def _cell(value: float) -> str:
    return "" if isinstance(value, float) and math.isnan(value) else repr(value)
