"""Probes by layer: the layer that holds the labels is the best, and noise is told apart from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from cache import CacheReader, CacheWriter, ClipFeatures
from cache.format.schema import FrameField
from train import FitConfig
from train.errors import ConfigError
from train.scores.metrics import pearson
from train.studies.floor.layers import head_rows, probe_layers
from train.studies.floor.models import MODELS
from train.studies.parts import whole


def test_the_informative_layer_is_the_best(corpus, splits, quiet):
    table = probe_layers(corpus.cache, whole(splits), FitConfig(), quiet)
    assert [row.layer for row in table.rows] == [1, 2]
    noise, best = table.rows
    assert (table.best, best.difference) == (2, None)
    assert noise.difference.interval.high < 0
    assert noise.p_value < 0.05
    assert noise.score.by == "speaker"
    assert best.score.estimate > 0.8
    assert noise.score.estimate < 0.5
    assert [row.name for row in head_rows(table, FitConfig(), "cache")] == ["layer 2", "layer 1"]
    text = table.text()
    assert "ridge on each layer's global mean, 30 validation clips" in text
    assert "best" in text


def test_a_score_is_that_of_ridge_on_the_standardised_mean(corpus, splits, quiet):
    row = probe_layers(corpus.cache, whole(splits), FitConfig(), quiet).rows[1]
    with CacheReader(corpus.cache) as reader:
        one, two = (
            reader.clip_table("global_mean/hidden_states/2", part.clip_ids).astype(np.float64)
            for part in (splits.train, splits.valid)
        )
    mean, deviation = one.mean(0), one.std(0)
    reached = []
    for strength in MODELS["ridge"].strengths:
        model = Ridge(strength).fit((one - mean) / deviation, splits.train.targets)
        reached.append(pearson(splits.valid.targets, model.predict((two - mean) / deviation)).mean())
    assert min(abs(each - row.score.estimate) for each in reached) < 1e-9


def test_a_cache_without_layers_is_refused(corpus, splits, quiet, tmp_path):
    writer = CacheWriter.open(tmp_path / "cache", {"model": "logmel"}, [FrameField("logmel", 4)])
    frames = {"logmel": np.ones((3, 4), np.float32)}
    means = {"logmel": np.ones(4, np.float32)}
    writer.commit([ClipFeatures("00000", frames, means, 400, -20.0, f"{0:>064}", clip={})])
    with pytest.raises(ConfigError, match="layer weighted weighs encoder layers of one width, found none"):
        probe_layers(tmp_path / "cache", whole(splits), FitConfig(), quiet)


def test_on_the_command_line_with_folds_and_heads(cli, corpus, tmp_path):
    common = ["layers", corpus.cache, "--labels", corpus.labels, "--json"]
    code, out, err = cli(*common, "--folds", 3, "--group", "speaker")
    assert code == 0, err
    found = json.loads(out)
    assert (found["best"], found["clips"], found["probe"]) == (2, 90, "ridge")
    assert found["divided"]
    options = ["--head", "--out", tmp_path / "out", "--epochs", 1, "--hidden", 3, "--workers", 1]
    code, out, err = cli(*common, *options)
    assert code == 0, err
    assert [row["name"] for row in json.loads(out)["heads"]["rows"]] == ["layer 2", "layer 1"]
    assert (tmp_path / "out" / "results.json").exists()
    assert cli(*common, "--head")[0] == 2
    assert cli(*common, "--out", tmp_path / "out")[0] == 2
