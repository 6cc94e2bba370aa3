"""An ensemble's own score: of the mean prediction, which is not the mean of the scores."""

from __future__ import annotations

import numpy as np

from train.report.ensemble_section import ensemble_section, together
from train.scores.metrics import pearson


def test_the_score_of_the_mean_prediction_stands_beside_those_of_the_heads(study_of):
    rng = np.random.default_rng(0)
    truth = rng.random((60, 2))
    study = study_of(truth, {"both": truth + 2 * rng.random((2, 60, 2))})
    heads = study.predictions(study.rows[0])
    np.testing.assert_array_equal(together(study)[0], (heads[0] + heads[1]) / 2)
    own = pearson(truth, (heads[0] + heads[1]) / 2).mean()
    alone = [pearson(truth, head).mean() for head in heads]
    assert own > max(alone), "averaging takes noise out"
    text = "\n".join(ensemble_section(study))
    assert f"| mean prediction of all heads | {own:.3f} [" in text
    assert f"| 0 | {alone[0]:.3f} [" in text
    assert f"| 1 | {alone[1]:.3f} [" in text
    assert f"| one head, mean over seeds | {np.mean(alone):.3f} [" in text
    assert f"Δ ρ: {own - np.mean(alone):.3f} [" in text
