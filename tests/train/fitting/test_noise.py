"""On labels that are pure noise, choosing the epoch on the clips that are reported makes a score from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from train import FitConfig, fit, read_splits
from train.fitting.fit import SharedFit

DRAWS = 10
AROUND = SharedFit(pictures=False, audited=True)


@pytest.fixture(scope="module")
def scores(corpus, table, tmp_path_factory, quiet):
    """ρ of heads fitted on noise labels: way of selection → one score per draw of the labels."""
    root = tmp_path_factory.mktemp("noise")
    ids = list(corpus.truth)[:90]
    found = {"valid": [], "inner": []}
    for draw in range(DRAWS):
        noise = np.random.default_rng([9, draw]).random(90)
        rows = [[clip, noise[i], corpus.speakers[clip]] for i, clip in enumerate(ids)]
        parts = [
            table(root / f"{draw}-{name}.csv", ["id", "Joy", "speaker"], rows[part])
            for name, part in (("t", slice(60)), ("v", slice(60, 90)))
        ]
        for select, values in found.items():
            config = FitConfig(lstm=False, epochs=15, warmup_epochs=0, lr=0.1, select=select, seed=draw)
            labels, out = read_splits(*parts), root / f"{draw}-{select}"
            run = fit(corpus.cache, labels, config, out, progress=quiet, shared=AROUND)
            values.append(run.metrics["valid"]["pearson"]["mean"])
            assert ("selected on valid" in run.metrics["statement"]) == (select == "valid")
    return {select: np.array(values) for select, values in found.items()}


def test_selecting_on_the_reported_clips_makes_a_score_from_noise(scores):
    assert scores["valid"].mean() > 0.15
    assert stats.ttest_1samp(scores["valid"], 0).pvalue < 0.001


def test_selecting_on_an_inner_part_does_not(scores):
    low, high = stats.ttest_1samp(scores["inner"], 0).confidence_interval()
    assert low < 0 < high
    assert scores["inner"].mean() < scores["valid"].mean() - 0.1
