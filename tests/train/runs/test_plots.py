"""Pictures of a run are written, with undefined scores too, and leave no figure behind."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train import FitConfig
from train.runs.history import EpochRecord
from train.runs.plots import ScatterNote, plot_learning_curves, plot_scatter

PNG = b"\x89PNG"


@pytest.mark.parametrize("score", [0.5, math.nan])
def test_learning_curves(tmp_path, score):
    history = [EpochRecord(epoch, 0.1, 1 / epoch, score, 0) for epoch in (1, 2, 3)]
    for select in ("inner", "last"):
        plot_learning_curves(tmp_path / "c.png", history, FitConfig(select=select), 2)
        assert (tmp_path / "c.png").read_bytes().startswith(PNG)


def test_a_constant_prediction_has_a_panel(tmp_path):
    truth = np.random.default_rng(0).random((20, 4))
    prediction = truth + 0.1
    prediction[:, 1] = 0.5
    plot_scatter(tmp_path / "s.png", truth, prediction, list("abcd"), ScatterNote("ccc", "valid", seeds=2))
    assert (tmp_path / "s.png").read_bytes().startswith(PNG)
