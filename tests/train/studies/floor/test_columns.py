"""Columns of simple models: as numpy computes them, whatever the cache."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from train import FitConfig
from train.features.batches import load_features
from train.studies.floor.columns import (
    QUANTILES,
    STATISTICS,
    duration_and_loudness,
    means,
    of_frames,
    statistics,
)


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
            ids, config = reader.clip_ids[:50], FitConfig()
            told: list[tuple[int, int]] = []
            together = statistics(
                load_features(reader, ids, config), lambda *each, told=told: told.append(each)
            )
            assert told[-1] == (50, 50)
            alone = statistics(load_features(reader, ids[7:8], config, budget=0), lambda *_: None)
            np.testing.assert_array_equal(together[7:8], alone)


def test_means_and_loudness_are_the_caches(corpus) -> None:
    with CacheReader(corpus.cache) as reader:
        ids = reader.clip_ids[:3]
        joined = means(reader, ids, ["hidden_states/2", "vad"])
        assert joined.shape == (3, 11)
        np.testing.assert_allclose(joined[1, 8:], reader[ids[1]].global_mean["vad"], atol=1e-6)
        seconds, logarithm, loudness = duration_and_loudness(reader, ids).T
        np.testing.assert_allclose(np.exp(logarithm), seconds)
        np.testing.assert_array_equal(loudness, -20)
