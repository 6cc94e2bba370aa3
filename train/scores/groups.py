"""Groups of clips to score apart: by a column of the label table, by speaker, or by duration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cache import read_table
from train.errors import LabelError
from train.labels.tables import Labels
from train.streams.stream_set import Source

FloatArray = npt.NDArray[np.float64]
BINS = 4  # of a column of numbers
MOST_VALUES = 10  # a column of more different numbers is divided into bins
UNKNOWN = "(unknown)"


def group_of_clips(labels: Labels, reader: Source, by: str) -> tuple[str, ...]:
    """Return the group of each clip.

    Args:
        labels: of the clips, all of them in the cache.
        reader: the cache; gives durations if the label table has no such column.
        by: "speaker", a column of the label table, or "duration" [s].

    Raises:
        LabelError: if there is no such column, or within its groups nothing is left to score.
    """
    if by == "speaker":
        return tuple(who or UNKNOWN for who in labels.speakers)
    tables = [read_table(path) for path in (labels.path, *labels.others)]
    if by in {*labels.names, labels.id_column}:
        what = "a target" if by in labels.names else "the id"
        raise LabelError(
            f"{labels.path}: --by {by} is {what} column: groups made by it leave nothing to score; "
            "choose speaker, duration or another column"
        )
    if all(by in table.columns for table in tables):
        of = {
            clip: row[by].strip()
            for table in tables
            for clip, row in zip(table.written_ids(), table.rows, strict=True)
        }
        texts = [of[clip_id] for clip_id in labels.written_ids]
    elif by == "duration":
        texts = [f"{seconds:.6g}" for seconds in reader.clip_table("clips/duration", labels.clip_ids)]
    else:
        columns = ", ".join(
            column for column in tables[0].columns if all(column in each.columns for each in tables)
        )
        raise LabelError(f"{labels.path}: no column {by!r} to group by, found {columns}; or use duration")
    # No two clips are equally long: even a few are to be divided into quarters.
    return _binned(texts, BINS if by == "duration" else MOST_VALUES)


def _binned(texts: list[str], most: int) -> tuple[str, ...]:
    """Return the texts, or, if they are more than ``most`` numbers, the quarter that each lies in."""
    numbers = np.array([_number(text) for text in texts])
    known = numbers[~np.isnan(numbers)]
    if len(np.unique(known)) <= most or len(known) < sum(map(bool, texts)):
        return tuple(text or UNKNOWN for text in texts)
    edges = np.quantile(known, np.linspace(0, 1, BINS + 1))
    which = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, BINS - 1)
    names = [f"{i + 1}: {edges[i]:.3g} to {edges[i + 1]:.3g}" for i in range(BINS)]
    return tuple(
        UNKNOWN if np.isnan(number) else names[bin_] for number, bin_ in zip(numbers, which, strict=True)
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
