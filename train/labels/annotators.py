"""Labels by several annotators: a target is the mean over those who rated it; their ratings are kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cache.common.errors import TableError
from cache.common.ids import clip_id_from_text
from cache.common.table_text.numbers import is_missing
from cache.common.tables import Table
from train.errors import LabelError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
EITHER = "|"  # between the columns of a target's annotators: joy=joy_a1|joy_a2


@dataclass(frozen=True)
class Ratings:
    """What each annotator said of each clip.

    Attributes:
        clips: (ratings,) position of the clip.
        who: (ratings,) names of annotators.
        values: (ratings, targets), NaN where one rated a clip but not this target.
    """

    clips: IntArray
    who: tuple[str, ...]
    values: FloatArray

    def means(self, count: int) -> FloatArray:
        """Return the mean over annotators (clips, targets) of ``count`` clips, NaN where nobody rated a target."""
        there = ~np.isnan(self.values)
        totals, counts = (np.zeros((count, self.values.shape[1])) for _ in range(2))
        np.add.at(totals, self.clips, np.where(there, self.values, 0.0))
        np.add.at(counts, self.clips, there.astype(np.float64))
        return np.asarray(np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0))

    def first(self) -> IntArray:
        """Return the positions (clips,) of each clip's first rating."""
        return np.unique(self.clips, return_index=True)[1].astype(np.int64)

    def take(self, positions: IntArray) -> Ratings:
        """Return the ratings of the clips at ``positions``, in whose order these are numbered anew."""
        new = {int(old): number for number, old in enumerate(positions)}
        kept = [at for at, clip in enumerate(self.clips.tolist()) if clip in new]
        numbers = np.array([new[int(self.clips[at])] for at in kept], dtype=np.int64)
        return Ratings(numbers, tuple(self.who[at] for at in kept), self.values[kept])

    def of_targets(self, positions: IntArray) -> Ratings:
        """Return the ratings of some targets only, in that order."""
        return replace(self, values=self.values[:, positions])

    def followed_by(self, other: Ratings, clips: int) -> Ratings:
        """Return these of ``clips`` clips and those of others behind them."""
        numbers = np.concatenate([self.clips, other.clips + clips])
        return Ratings(numbers, self.who + other.who, np.concatenate([self.values, other.values]))


def ratings_of_rows(table: Table, rows: Sequence[int], column: str, values: FloatArray) -> Ratings:
    """Return the ratings in a table of one row per clip and annotator.

    Args:
        table: of labels.
        rows: of the split at hand.
        column: names the annotator.
        values: (rows, targets) what each row says.

    Raises:
        LabelError: if a row names no annotator, one rated a clip twice, or rows of a clip name several speakers.
    """
    if column not in table.columns or table.id_column is None:
        what = f"column {column!r} of annotators" if column not in table.columns else "id column"
        raise LabelError(
            f"{table.path}: no {what}, found {', '.join(table.columns)}; --annotators names the column that says "
            "who rated, in a table of one row per clip and annotator"
        )
    speaker = table.column_for("speaker")
    numbers: dict[str, int] = {}
    first: list[int] = []
    seen: dict[tuple[str, str], int] = {}
    clips, who = [], []
    for row in rows:
        cells = table.rows[row]
        clip, name = _clip_id(table, row), cells[column].strip()
        if is_missing(name):
            raise LabelError(
                _where(table, row, f"column {column}: no annotator; name one, or remove the row")
            )
        if (clip, name) in seen:
            before = table.line(seen[clip, name])
            raise LabelError(
                _where(
                    table, row, f"{name} rated clip {clip} in line {before} already; remove one of the two"
                )
            )
        if clip in numbers and speaker and cells[speaker] != table.rows[first[numbers[clip]]][speaker]:
            raise LabelError(
                _where(table, row, f"another speaker for clip {clip} than in a line before; a clip has one")
            )
        seen[clip, name] = row
        if clip not in numbers:
            numbers[clip] = len(first)
            first.append(row)
        clips.append(numbers[clip])
        who.append(name)
    return Ratings(np.array(clips, dtype=np.int64), tuple(who), values)


def only_rows(table: Table, rows: Sequence[int]) -> Table:
    """Return a table of some rows of another."""
    return replace(
        table, rows=[table.rows[row] for row in rows], lines=tuple(table.lines[row] for row in rows)
    )


def _clip_id(table: Table, row: int) -> str:
    try:
        return clip_id_from_text(table.rows[row][str(table.id_column)])
    except TableError as error:
        raise LabelError(_where(table, row, str(error))) from None


def _where(table: Table, row: int, what: str) -> str:
    return f"{table.path}, line {table.line(row)}: {what}"
