"""Predictions are of exactly the clips asked for, in their order; a missing one is never made up in silence."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train import evaluate, predict
from train.errors import LabelError, RunError


def test_ids_come_in_the_order_asked_for_and_by_default_all(run, corpus, splits):
    ids = splits.valid.clip_ids[:4]
    found = predict(run, corpus.cache, ids[::-1])
    assert found.clip_ids == ids[::-1]
    assert found.values.shape == (4, 3)
    assert len(predict(run, corpus.cache).clip_ids) == 95


def test_a_missing_clip_is_an_error_or_gets_the_training_mean(run, corpus):
    with pytest.raises(LabelError, match="1 of the 2 clips asked for are not in the cache: nowhere"):
        predict(run, corpus.cache, ["00000", "nowhere"])
    found = predict(run, corpus.cache, ["nowhere", "00000"], missing="train-mean")
    assert found.filled == ("nowhere",)
    np.testing.assert_array_equal(found.values[0], run.targets.mean)


def test_a_reader_that_was_given_stays_open(run, corpus, splits, monkeypatch):
    with CacheReader(corpus.cache) as reader:
        closed = []
        monkeypatch.setattr(reader, "close", lambda: closed.append(True))
        predict(run, reader)
        evaluate(run, reader, splits.valid)
        assert closed == []
        assert reader["00000"].clip_id == "00000"
        monkeypatch.undo()


def test_predictions_that_are_not_finite_are_an_error(run, corpus):
    broken = replace(run, head=deepcopy(run.head))
    with torch.no_grad():
        broken.head.fusion_head[2].weight.fill_(3e38)
    with pytest.raises(RunError, match="predicts what is not finite for") as caught:
        predict(broken, corpus.cache)
    assert "\n" not in str(caught.value)
