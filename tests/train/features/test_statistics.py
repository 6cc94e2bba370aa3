"""Statistics of frames: numpy's, whatever the cache, and a head that takes them in place of the global mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from train import FitConfig, evaluate, fit, load_run, predict
from train.features.batches import FrameBank, load_features
from train.features.statistics import QUANTILES, STATISTICS, of_frames

TAKEN = FitConfig(lstm=False, clip_vector="statistics")


def test_the_statistics_are_numpys() -> None:
    frames = np.random.default_rng(0).standard_normal((37, 5)).astype(np.float32)
    steps = np.diff(frames, axis=0)
    expected = [frames.mean(0), frames.std(0), *np.quantile(frames, QUANTILES, axis=0)]
    expected += [np.abs(steps).mean(0), steps.std(0)]
    np.testing.assert_allclose(of_frames(frames), np.concatenate(expected), atol=1e-5)


@pytest.mark.parametrize("length", [1, 2])
def test_a_clip_of_few_frames_has_all_of_them(length) -> None:
    found = of_frames(np.full((length, 3), 2.0, np.float16)).reshape(STATISTICS, 3)
    np.testing.assert_array_equal(found[[0, *range(2, 2 + len(QUANTILES))]], 2)
    np.testing.assert_array_equal(found[[1, -2, -1]], 0)


def test_a_clips_statistics_do_not_depend_on_other_clips(corpus, small_cache) -> None:
    for cache in (corpus.cache, small_cache):  # stored as they are, and quantised
        with CacheReader(cache) as reader:
            ids, told = reader.clip_ids[:50], []
            together = load_features(
                reader, ids, TAKEN, on_progress=lambda *each, told=told: told.append(each)
            )
            assert told[-1] == (50, 50)
            assert together.frames is None
            assert together.clip_width == STATISTICS * together.width == together.global_mean.shape[1]
            alone = load_features(reader, ids[7:8], TAKEN, budget=0)
            np.testing.assert_array_equal(together.global_mean[7:8], alone.global_mean)


def test_they_are_computed_once_for_all_fits(corpus, monkeypatch) -> None:
    with CacheReader(corpus.cache) as reader:
        bank = FrameBank(reader, reader.clip_ids)
        one = load_features(reader, reader.clip_ids, TAKEN, bank=bank)
        monkeypatch.setattr("train.features.batches.statistics", None)
        two = load_features(reader, reader.clip_ids, replace(TAKEN, lstm=True), bank=bank)
        assert two.global_mean is one.global_mean
        assert two.frames is not None


@pytest.mark.parametrize("settings", [{}, {"standardise": "train", "dropout": 0.3}, {"lstm": False}])
def test_a_head_takes_them_in_place_of_the_global_mean(
    settings, corpus, splits, small, quiet, tmp_path
) -> None:
    config = replace(small, clip_vector="statistics", **settings)
    run = load_run(fit(corpus.cache, splits, config, tmp_path / "r", progress=quiet).path)
    assert run.head.shape.clip_width == STATISTICS * 11
    scores = evaluate(run, corpus.cache, splits.valid)["scores"]
    assert scores["pearson"]["mean"] == pytest.approx(run.metrics["valid"]["pearson"]["mean"], abs=1e-6)
    together = predict(run, corpus.cache, splits.valid.clip_ids).values
    alone = predict(run, corpus.cache, splits.valid.clip_ids[5:6]).values
    np.testing.assert_allclose(together[5:6], alone, atol=1e-6)


def test_older_heads_do_not_name_them(run) -> None:
    assert not {"clip_vector", "dropout"} & set(run.config.to_dict())
    assert not {"clip_width", "dropout"} & set(run.head.shape.to_dict())
