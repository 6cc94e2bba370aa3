"""A full cache stands in for the compact one that a head was trained on, and other recipes are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, CompactOptions, compact
from cache.format.schema import VAD_DIMS, FrameField
from train import fit
from train.errors import RunError
from train.runs.evaluate import evaluate
from train.runs.predict import predict


def test_a_projected_full_cache_gives_what_the_compact_one_gives(corpus, splits, small, quiet, tmp_path):
    rng = np.random.default_rng(3)
    fields = [FrameField("hidden_states/12", 24), FrameField("vad", 3, dims=VAD_DIMS)]
    writer = CacheWriter.open(tmp_path / "full", {"model": "wide"}, fields)
    clips, basis = [], rng.standard_normal((6, 24))
    for clip_id in corpus.truth:
        length = int(rng.integers(1, 30))
        hidden = rng.standard_normal((length, 6)) @ basis + 0.1 * rng.standard_normal((length, 24))
        frames = {"hidden_states/12": hidden.astype(np.float32), "vad": rng.random((length, 3), np.float32)}
        means = {name: values.mean(0) for name, values in frames.items()}
        clips.append(ClipFeatures(clip_id, frames, means, 400, -20.0, "0" * 64, clip={}))
    writer.commit(clips)
    compact(
        tmp_path / "full",
        tmp_path / "small",
        CompactOptions(pool=4, project=6, dtype="int8"),
        fit_on=list(splits.train.clip_ids),
    )
    own = fit(tmp_path / "small", splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert own.head.shape.width == 9
    near, far = (predict(own, tmp_path / name, splits.valid.clip_ids) for name in ("small", "full"))
    np.testing.assert_allclose(near.values, far.values, atol=0.01)


def test_a_head_of_a_compact_cache_takes_the_full_one(compact_run, small_cache, corpus, splits):
    ids = splits.valid.clip_ids
    near, far = (predict(compact_run, cache, ids) for cache in (small_cache, corpus.cache))
    np.testing.assert_allclose(near.values, far.values, atol=0.02)
    assert far.recipe_diff == ()
    one, two = (
        evaluate(compact_run, cache, splits.valid)["scores"]["pearson"]["mean"]
        for cache in (small_cache, corpus.cache)
    )
    assert one == pytest.approx(two, abs=0.02)


def test_a_full_head_does_not_take_the_compact_cache(run, small_cache):
    with pytest.raises(RunError, match="made with another recipe"):
        predict(run, small_cache)


def test_another_projection_is_refused(corpus, splits, small, quiet, tmp_path, small_cache, as_older):
    own = fit(small_cache, splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    compact(corpus.cache, tmp_path / "cache", CompactOptions(pool=3, project=7, dtype="int8"), fit_on=None)
    (own.path / "projection.npz").write_bytes((tmp_path / "cache" / "projection.npz").read_bytes())
    with pytest.raises(RunError, match="does not hold the bytes that its checksum was made of"):
        predict(own, corpus.cache)
    as_older(own.path)
    with pytest.raises(RunError, match="not the projection that this head was trained with"):
        predict(own, corpus.cache)
    (own.path / "projection.npz").unlink()
    with pytest.raises(RunError, match="is missing"):
        predict(own, corpus.cache)
