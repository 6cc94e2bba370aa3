"""Frames of a batch: small integers become the numbers they stand for, and reading ahead changes nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader, CompactOptions, compact
from train import FitConfig, fit
from train.features.batches import Batcher, BatchFeed, FrameBank, load_features
from train.machine import free_memory


@pytest.fixture(scope="module")
def small_cache(corpus, splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("compact") / "cache"
    compact(
        corpus.cache, out, CompactOptions(pool=3, project=5, dtype="int8"), fit_on=list(splits.train.clip_ids)
    )
    return out


@pytest.mark.parametrize("budget", [0, 1e9])
def test_int8_becomes_the_numbers_it_stands_for(small_cache, splits, budget):
    with CacheReader(small_cache) as reader:
        features = load_features(reader, splits.valid.clip_ids, FitConfig(), budget=budget)
        batch = Batcher(features, torch.device("cpu"))(np.arange(len(splits.valid)))
        assert batch.frames is not None
        for row, clip_id in enumerate(splits.valid.clip_ids):
            length = features.lengths[row]
            expected = [reader.read_values(clip_id, name) for name in ("hidden_states/2", "vad")]
            np.testing.assert_allclose(
                batch.frames[row, :length], np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6
            )
            assert not batch.frames[row, length:].any()


def test_read_ahead_gives_the_same_batches_in_order(corpus, splits):
    orders = [np.array([3, 0]), np.array([7]), np.array([1, 2, 4]), np.array([5, 6])]
    with CacheReader(corpus.cache) as reader:
        near, far = (
            load_features(reader, splits.valid.clip_ids, FitConfig(), budget=each) for each in (1e9, 0)
        )
        feeds = [BatchFeed(features, torch.device("cpu")) for features in (near, far)]
        for one, two in zip(*(feed(orders) for feed in feeds), strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            for a, b in zip(one[1], two[1], strict=True):
                torch.testing.assert_close(a, b, atol=0, rtol=0)
        assert all(feed.waited > 0 for feed in feeds)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("emi-train-read")]


def test_a_fit_read_from_disk_gives_the_same_bits(run, corpus, splits, small, quiet, tmp_path, monkeypatch):
    monkeypatch.setattr("train.features.batches.free_memory", lambda: 0.0)
    again = fit(corpus.cache, splits, small, tmp_path / "run", progress=quiet)
    assert (again.path / "head.safetensors").read_bytes() == (run.path / "head.safetensors").read_bytes()


def test_a_field_is_loaded_once_for_many_heads(corpus, splits):
    with CacheReader(corpus.cache) as reader:
        bank = FrameBank(reader, splits.valid.clip_ids)
        with_vad, without = (
            load_features(reader, splits.valid.clip_ids, FitConfig(vad=on), bank=bank) for on in (True, False)
        )
        assert with_vad.frames._fields[0] is without.frames._fields[0]
        assert bank.num_bytes(["hidden_states/2", "vad"]) == 0
        assert bank.num_bytes(["hidden_states/1"]) > 0


def test_a_limit_set_for_the_process_counts_as_memory():
    code = (
        "import resource; from train.machine import free_memory; before = free_memory();"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 10**8 + 2 * 10**9, resource.RLIM_INFINITY));"
        "print(before > 10**8 >= free_memory() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert free_memory() > 0
    assert resource.getrlimit(resource.RLIMIT_AS)


def test_clips_of_one_frame_and_batches_of_one_clip_are_fitted(corpus, splits, small, quiet, table, tmp_path):
    from cache import CacheWriter, ClipFeatures
    from cache.format.schema import FrameField

    rng = np.random.default_rng(0)
    writer = CacheWriter.open(tmp_path / "cache", {"model": "short"}, [FrameField("logmel", 4)])
    clips = []
    for clip_id in corpus.truth:
        frames = {"logmel": rng.standard_normal((1, 4)).astype(np.float32)}
        clips.append(
            ClipFeatures(clip_id, frames, {"logmel": frames["logmel"][0]}, 400, -20.0, "0" * 64, clip={})
        )
    writer.commit(clips)
    config = replace(small, vad=False, batch_size=1, epochs=1)
    run = fit(tmp_path / "cache", splits, config, tmp_path / "run", progress=quiet)
    assert run.metrics["clips"]["fit"] == 48
