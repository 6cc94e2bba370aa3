"""Rows of one folder or several, scored by one metric: each with its interval, and each less every other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.report.html.source import Row, Source
from train.report.table import difference_cell, interval_cell
from train.scores.estimates import Difference, Interval
from train.scores.folds import FoldScores
from train.scores.holm import holm
from train.scores.wording import UNDEFINED, p_cell, spread_cell

MOST_ROWS = 12  # of which every two are compared; of more, each with the reference


@dataclass(frozen=True)
class Contestant:
    """A row with the folder that it is of, and its scores."""

    source: int
    row: Row
    scores: FoldScores


def contestants(sources: Sequence[Source]) -> list[Contestant]:
    """Return the rows of all folders, scored by the metric of the first."""
    return [
        Contestant(number, row, FoldScores.of(row.folds, sources[0].metric))
        for number, source in enumerate(sources)
        for row in source.rows
    ]


def comparable(one: Source, other: Source) -> bool:
    """Whether rows of two folders predict the same clips in the same folds, with the same labels and speakers."""
    if one is other:
        return True
    ours, theirs = one.clips, other.clips
    return (
        one.names == other.names
        and ours.ids == theirs.ids
        and ours.speakers == theirs.speakers
        and [len(fold.truth) for fold in one.rows[0].folds]
        == [len(fold.truth) for fold in other.rows[0].folds]
        and bool(np.array_equal(ours.truth, theirs.truth, equal_nan=True))
    )


def scored_rows(found: Sequence[Contestant], targets: int) -> list[dict[str, Any]]:
    """Return each row's scores as JSON values: its cells as text, and the numbers of its interval."""
    rows = []
    for each in found:
        spread = float(np.std(each.scores.each_seed, ddof=1)) if each.scores.seeds > 1 else float("nan")
        row = each.row
        rows.append(
            {
                "source": each.source,
                "score": _shown(each.scores.interval(), interval_cell),
                "spread": spread_cell(spread),
                "parameters": "" if row.parameters is None else f"{row.parameters:,}",
                "seconds": "" if row.seconds is None else f"{row.seconds:.1f}",
                "targets": [_shown(each.scores.interval(k), interval_cell) for k in range(targets)],
            }
        )
    return rows


def differences(found: Sequence[Contestant], sources: Sequence[Source]) -> dict[int, list[dict[str, Any]]]:
    """Return what every row has more than each reference, as JSON values, by the reference's number.

    Of more than 12 rows only the first folder's reference is one. P-values are corrected after Holm within the rows
    that are compared with the same reference; where rows were picked, for all they were picked from.
    """
    chosen = [row.row.name for row in found].index(sources[0].reference)
    references = range(len(found)) if len(found) <= MOST_ROWS else [chosen]
    known: dict[tuple[int, int], Difference] = {}
    if len(found) < 2:
        return {}
    return {reference: _less(found, sources, reference, known) for reference in references}


def _less(
    found: Sequence[Contestant],
    sources: Sequence[Source],
    reference: int,
    known: dict[tuple[int, int], Difference],
) -> list[dict[str, Any]]:
    theirs = found[reference]
    others = [
        number
        for number, ours in enumerate(found)
        if number != reference
        and comparable(sources[ours.source], sources[theirs.source])
        and np.isfinite(ours.scores.each_seed).all()
        and np.isfinite(theirs.scores.each_seed).all()
    ]
    for number in others:
        if (number, reference) not in known:
            known[number, reference] = found[number].scores.less(theirs.scores)
    p_values = holm([known[number, reference].p_value for number in others], sources[theirs.source].family)
    corrected = dict(zip(others, p_values.tolist(), strict=True))
    nothing = {"text": UNDEFINED, "p": p_cell(None), "estimate": None, "low": None, "high": None}
    return [
        {
            **_shown(known[number, reference].interval, difference_cell),
            "p": p_cell(corrected[number]),
            "sure": bool(corrected[number] < 0.05),
        }
        if number in corrected
        else {**nothing, "text": "reference" if number == reference else UNDEFINED}
        for number in range(len(found))
    ]


def _shown(interval: Interval, text_of: Any) -> dict[str, Any]:
    ends = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    return {"text": text_of(interval), **{name: _finite(value) for name, value in ends.items()}}


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
