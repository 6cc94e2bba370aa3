"""Simple models of several streams: each alone, joined, late; clips that a stream lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train import FitConfig
from train.fitting.task import plan_fit
from train.labels.coverage import opened
from train.studies.floor.models import predicted
from train.studies.floor.vectors import Baseline, all_baselines, reference_of


@pytest.fixture
def made(pair, splits, small, quiet):
    config = replace(small, select="last")
    with opened(pair) as reader:
        task = plan_fit(reader, splits, config)
        yield task, {each.name: each for each in all_baselines(reader, task.clip_ids, config, quiet)}, reader


def test_every_stream_stands_alone_joined_and_late(made):
    task, baselines, reader = made
    assert [name for name in baselines if "global mean, ridge" in name] == [
        "audio: global mean, ridge",
        "text: global mean, ridge",
        "all streams: global mean, ridge",
        "late: global mean, ridge",
    ]
    assert "audio: VAD, ridge" in baselines
    assert "all streams: VAD, ridge" not in baselines, "only one stream has it"
    assert reference_of(reader) == "all streams: global mean, ridge"
    text = baselines["text: global mean, ridge"].columns
    absent = ~task.streams["text"].present
    assert np.isnan(text[absent]).all()
    assert not np.isnan(text[~absent]).any()
    joined = baselines["all streams: global mean, ridge"]
    assert joined.columns.shape[1] == text.shape[1] + baselines["audio: global mean, ridge"].columns.shape[1]


def test_late_is_the_mean_of_a_model_of_each_stream(made):
    task, baselines, _ = made
    late = baselines["late: global mean, ridge"].says(task.train, task.config)
    each = [
        baselines[f"{name}: global mean, ridge"].says(task.train, task.config) for name in ("audio", "text")
    ]
    assert np.allclose(late, np.mean(each, axis=0))


def test_an_absent_clip_has_the_training_mean(splits):
    train = splits.train.take(range(20))
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((30, 4))
    lacking = columns.copy()
    lacking[[3, 25]] = np.nan
    filled = columns.copy()
    filled[[3, 25]] = np.nanmean(lacking[:20], axis=0)
    config = FitConfig()
    found = Baseline("x", lacking, "ridge").says(train, config)
    assert np.allclose(found, predicted(filled, "ridge", train, config))
    nobody = Baseline("x", np.where(np.arange(30)[:, None] < 30, np.nan, columns), "ridge").says(
        train, config
    )
    assert np.isfinite(nobody).all()


def test_one_cache_has_the_baselines_that_it_always_had(corpus, splits, small, quiet):
    with opened(corpus.cache) as reader:
        names = [each.name for each in all_baselines(reader, splits.train.clip_ids, small, quiet)]
    assert names == [
        "constant",
        "duration + loudness",
        "VAD, ridge",
        "global mean, ridge",
        "global mean, SVR",
        "frame statistics, ridge",
        "frame statistics, SVR",
    ]
