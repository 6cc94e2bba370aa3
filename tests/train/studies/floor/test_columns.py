"""Columns of simple models: those of the cache."""

from __future__ import annotations

import numpy as np

from cache import CacheReader
from train.studies.floor.columns import duration_and_loudness, means


def test_means_and_loudness_are_the_caches(corpus) -> None:
    with CacheReader(corpus.cache) as reader:
        ids = reader.clip_ids[:3]
        joined = means(reader, ids, ["hidden_states/2", "vad"])
        assert joined.shape == (3, 11)
        np.testing.assert_allclose(joined[1, 8:], reader[ids[1]].global_mean["vad"], atol=1e-6)
        seconds, logarithm, loudness = duration_and_loudness(reader, ids).T
        np.testing.assert_allclose(np.exp(logarithm), seconds)
        np.testing.assert_array_equal(loudness, -20)
