"""Predictions are of exactly the clips asked for, in their order; a missing one is never made up in silence."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train import evaluate, fit, predict
from train.errors import LabelError, RunError
from train.fitting.fit import SharedFit

PLAIN = SharedFit(pictures=False)


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


def test_a_stream_that_holds_none_of_the_clips_lacks_them(pair_run, pair, make_text, corpus, tmp_path):
    lacking = [clip for clip in corpus.truth if int(clip) % 7 == 0]
    silent = {**pair, "text": make_text(tmp_path / "silent", corpus.truth, list(corpus.truth))}
    expected = predict(pair_run, pair, lacking).values
    np.testing.assert_array_equal(predict(pair_run, silent, lacking).values, expected)


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


def test_values_that_no_clip_taught_are_told_of_when_they_stand_in(
    pair, corpus, splits, make_text, small, quiet, cli, tmp_path
):
    everywhere = {**pair, "text": make_text(tmp_path / "text", corpus.truth)}
    plain = replace(small, epochs=1)
    run = fit(everywhere, splits, plain, tmp_path / "run", progress=quiet, shared=PLAIN)
    assert predict(run, everywhere).unlearned == {}
    assert predict(run, pair).unlearned == {"text": 14}
    taught = fit(
        everywhere, splits, replace(plain, stream_dropout=0.3), tmp_path / "t", progress=quiet, shared=PLAIN
    )
    assert predict(taught, pair).unlearned == {}
    assert evaluate(run, pair, splits.valid)["unlearned"] == {"text": 4}
    given = [f"{name}={path}" for name, path in pair.items()]
    code, told, err = cli("predict", run.path, *given, "--out", tmp_path / "p.csv", "--json")
    assert code == 0, err
    assert "warning: text lacks 14 clips, and the values that stand in were never learned" in err
    assert json.loads(told)["unlearned"] == {"text": 14}
    assert json.loads((tmp_path / "p.csv.notes.json").read_text())["unlearned"] == {"text": 14}
    code, told, err = cli("evaluate", run.path, *given, "--labels", corpus.labels)
    assert "warning: text lacks 4 clips" in told
    assert cli("predict", taught.path, *given, "--out", tmp_path / "p.csv", "--overwrite")[0] == 0
    assert not (tmp_path / "p.csv.notes.json").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"lstm": False},
        {"clip_vector": "components", "lstm": False},
        {"standardise": "speaker", "fusion": "query"},
        {"fusion": "graph", "standardise": "train"},
    ],
)
def test_clips_that_a_stream_lacks_altogether_are_predicted_as_among_others(
    changes, pair, corpus, splits, small, quiet, tmp_path
):
    config = replace(small, epochs=1, **changes)
    run = fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    known = corpus.speakers if config.by_speaker else None
    ids = splits.valid.clip_ids
    among = dict(zip(ids, predict(run, pair, ids, speakers=known).values, strict=True))
    lacking = [clip for clip in ids if int(clip) % 7 == 0]
    for wanted in (lacking, lacking[:1]):
        found = predict(run, pair, wanted, speakers=known)
        np.testing.assert_allclose(found.values, [among[clip] for clip in wanted], rtol=1e-5, atol=2e-6)
