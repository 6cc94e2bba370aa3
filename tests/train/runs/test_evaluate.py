"""Scores of a finished head: of the labelled clips in the cache, and only for its own targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train import evaluate
from train.errors import LabelError
from train.scores.metrics import score_all


def test_it_scores_the_cached_clips_and_counts_what_shaped_the_head(run, corpus, splits):
    from train import predict

    found = evaluate(run, corpus.cache, splits.train)
    predictions = predict(run, corpus.cache, splits.train.clip_ids).values
    expected = score_all(splits.train.targets, predictions, splits.train.names)
    assert found["scores"]["pearson"]["mean"] == pytest.approx(expected["pearson"]["mean"])
    assert (found["clips"], found["trained_on"], found["selected_on"]) == (60, 60, "inner")
    assert evaluate(run, corpus.cache, splits.valid)["trained_on"] == 0


def test_labels_of_other_targets_are_refused(run, corpus, splits):
    other = replace(splits.valid, names=("Joy", "Awe", "Fear"))
    with pytest.raises(LabelError, match="its targets are Joy, Awe, Fear, the run's are Admiration"):
        evaluate(run, corpus.cache, other)
