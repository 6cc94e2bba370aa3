"""Pictures of a study: drawn for rows with and without a score, and for histories of any length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.report.plots import plot_differences, plot_histories, plot_rows
from train.studies.scored import score_rows


def is_png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def few(study):
    """Three rows of a study, the last one with a constant prediction."""
    rows = study.rows[:3]
    loaded = {run: study.predictions(row)[seed] for row in rows for seed, run in enumerate(row.runs)}
    loaded |= {run: np.zeros_like(study.truth) for run in rows[-1].runs}
    made = replace(study, rows=rows, loaded=loaded)
    return made, score_rows(made)


@pytest.mark.parametrize("draw", [plot_rows, plot_differences])
def test_rows_and_differences_are_drawn_even_where_undefined(draw, few, tmp_path) -> None:
    study, scores = few
    assert np.isnan(scores.intervals[-1].estimate)
    draw(tmp_path / "picture.png", study, scores)
    assert is_png(tmp_path / "picture.png")


def test_histories_may_differ_in_length(tmp_path) -> None:
    histories = {"a": [np.array([0.1, 0.2, np.nan]), np.array([0.1])], "b": [np.array([0.3, 0.1])]}
    plot_histories(tmp_path / "curves.png", histories, "mean pearson", {"a": [2, 1], "b": [9]})
    assert is_png(tmp_path / "curves.png")
