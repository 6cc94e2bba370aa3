"""Pictures of folds: drawn for few and many of them, and points of one label stand beside each other."""

from __future__ import annotations

import numpy as np
import pytest

from train.report.fold_plots import beside_each_other, plot_fold_histories, plot_pooled
from train.scores.folds import Fold


def is_png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [2, 12])
def test_folds_are_drawn_even_where_a_target_is_constant(count, tmp_path) -> None:
    rng = np.random.default_rng(0)
    folds = [Fold(rng.random((6, 2)), rng.random((6, 2)), [None] * 6) for _ in range(count)]
    folds[0].truth[:, 1] = 0.0
    folds[1].truth[:, 1] = 0.1 + 1e-9 * np.arange(6)  # constant, but for rounding
    plot_pooled(tmp_path / "pooled.png", folds, ["a", "$b$"], "pearson")
    assert is_png(tmp_path / "pooled.png")


def test_clips_without_a_label_are_left_out(tmp_path) -> None:
    rng = np.random.default_rng(0)
    folds = [Fold(rng.random((6, 2)), rng.random((6, 2)), [None] * 6) for _ in range(2)]
    folds[0].truth[0, 0] = np.nan
    for fold in folds:
        fold.truth[:, 1] = np.nan
    plot_pooled(tmp_path / "pooled.png", folds, ["a", "b"], "mae")
    assert is_png(tmp_path / "pooled.png")


def test_folds_of_one_label_stand_side_by_side_within_half_a_step() -> None:
    labels = [np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 0.0])]
    assert beside_each_other(labels) == [-0.25, 0.0, 0.25]
    many = [np.linspace(0, 1, 30), np.linspace(0, 1, 30)]
    assert beside_each_other(many) == [0.0, 0.0]
    assert beside_each_other([np.zeros(3), np.zeros(2)]) == [0.0, 0.0]


def test_a_curve_for_each_fold(tmp_path) -> None:
    curves = {"fold-1": np.array([0.1, np.nan]), "fold-2": np.array([0.2])}
    plot_fold_histories(tmp_path / "curves.png", curves, [1, 9], "mean pearson")
    assert is_png(tmp_path / "curves.png")
