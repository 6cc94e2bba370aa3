"""Weights of clips: how much each counts in the loss, from a column of the label table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cache.common.table_text.numbers import number_in
from cache.common.tables import Table
from train.errors import LabelError
from train.labels.tables import SHOWN_COLUMNS, Labels, listed

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def weights_in(table: Table, rows: Sequence[int], column: str) -> FloatArray:
    """Return the weights (rows,) in a column of a table.

    Raises:
        LabelError: if there is no such column, or a weight is missing, no number, infinite or below 0.
    """
    if column not in table.columns:
        raise LabelError(
            f"{table.path}: no column {column!r} of weights, found {listed(table.columns, SHOWN_COLUMNS)}; "
            "name one with --weights, or leave it out"
        )
    return np.array([_weight(table, row, column) for row in rows], dtype=np.float64)


def normalised(parts: Sequence[Labels], where: IntArray) -> FloatArray | None:
    """Return the weights (clips,) of all clips of some parts, whose mean is 1 over those at ``where``.

    Args:
        parts: labels one after the other.
        where: positions of the clips that are trained on.

    Returns:
        None where no clip that is trained on has a weight; a part without weights that is not trained on has 1.

    Raises:
        LabelError: if only some of the clips that are trained on have a weight, or all of these are 0.
    """
    weighted = [part for part in parts if part.weights is not None]
    if not weighted:
        return None
    column = weighted[0].weighted_by
    values = np.concatenate([np.full(len(p), np.nan) if p.weights is None else p.weights for p in parts])
    if np.isnan(values[where]).any():
        all_weights(parts)
    mean = values[where].mean()
    if not mean > 0:
        raise LabelError(
            f"{weighted[0].path}, column {column}: the weights of all {len(where)} clips to train on are 0, and "
            "nothing would be learned; choose another column with --weights"
        )
    return np.where(np.isnan(values), 1.0, values / mean)


def all_weights(parts: Sequence[Labels]) -> FloatArray:
    """Return the weights (clips,) of all clips of some parts.

    Raises:
        LabelError: if a part has none.
    """
    found = [part.weights for part in parts if part.weights is not None]
    if len(found) < len(parts):
        bare = next(part for part in parts if part.weights is None)
        column = next((part.weighted_by for part in parts if part.weighted_by), "")
        raise LabelError(
            f"{bare.path}: no column {column!r} of weights, and its clips are trained on, too; add it, or leave "
            "out --weights"
        )
    return np.concatenate(found)


def weight_lines(labels: Labels) -> list[str]:
    """Say by what the training clips are weighted, how unequally, and as how many equal ones they count."""
    weights = labels.weights
    if weights is None or not weights.any():
        return []
    share = weights / weights.mean()
    return [
        f"{labels.path}: clips weighted by {labels.weighted_by}, {share.min():.3g} to {share.max():.3g} times "
        f"their mean; {len(labels)} count like {len(labels) ** 2 / (share**2).sum():.0f} of equal weight"
    ]


def _weight(table: Table, row: int, column: str) -> float:
    text = table.rows[row][column].strip()
    value = number_in(text)
    if value is None or not math.isfinite(value) or value < 0:
        raise LabelError(
            f"{table.path}, line {table.line(row)}, column {column}: found {text!r}, expected a weight of 0 or "
            "more; correct it, or choose another column with --weights"
        )
    return value
