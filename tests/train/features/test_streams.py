"""Features of several streams: batches, absent clips, and which streams an epoch sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from train import FitConfig
from train.features.batches import Batcher, BatchFeed, load_features
from train.features.streams import joined_streams, kept_streams, stream_config
from train.labels.coverage import opened

CPU = torch.device("cpu")
CLIPS = ("00000", "00001", "00006", "00007", "00008")  # the text lacks the first and the fourth


@pytest.fixture
def features(pair):
    with opened(pair) as reader:
        configs = {name: stream_config(FitConfig(), name, each) for name, each in reader.readers.items()}
        yield joined_streams(
            CLIPS,
            reader.present(CLIPS),
            lambda name, ids: load_features(reader.readers[name], ids, configs[name]),
        )


def test_vad_is_joined_where_a_cache_has_it(pair):
    with opened(pair) as reader:
        audio, text = reader.readers.values()
        assert stream_config(FitConfig(), "audio", audio).vad
        assert not stream_config(FitConfig(), "text", text).vad
        assert not stream_config(FitConfig(vad=False), "audio", audio).vad
        assert stream_config(FitConfig(streams={"text": {"vad": True}}), "text", text).vad, (
            "then it is asked for"
        )


def test_a_batch_holds_what_each_stream_has(features):
    batch = features.batcher(CPU)(np.array([4, 0, 2]))
    audio, text = batch.streams["audio"], batch.streams["text"]
    alone = Batcher(features.streams["audio"], CPU)(np.array([4, 0, 2]))
    assert torch.equal(audio.frames, alone.frames)
    assert audio.present.tolist() == [True, True, True]
    assert text.present.tolist() == [True, False, True]
    own = Batcher(features.streams["text"], CPU)(np.array([2, 1]))
    assert torch.equal(text.frames[[0, 2]], own.frames)
    assert torch.equal(text.global_mean[[0, 2]], own.global_mean)
    assert text.lengths.tolist() == [own.lengths[0], 1, own.lengths[1]]
    assert not text.frames[1].any()
    assert features.lengths[0] == features.streams["audio"].lengths[0]
    assert features.lengths[1] == features.streams["audio"].lengths[1] + features.streams["text"].lengths[0]


def test_a_batch_of_clips_that_a_stream_lacks_is_no_fault(features):
    text = features.batcher(CPU)(np.array([0, 3])).streams["text"]
    assert text.present.tolist() == [False, False]
    assert text.frames.shape[0] == 2
    assert text.global_mean.shape == (2, 5)
    assert text.lengths.tolist() == [1, 1]
    assert features.places("text", np.arange(5)).tolist() == [0, 1, 2]


def test_batches_come_one_after_the_other(features):
    parts = [np.array([0, 1]), np.array([2, 3, 4])]
    for positions, batch in BatchFeed(features, CPU)(parts):
        assert len(batch.lengths) == len(positions)
    assert features.in_memory


def test_an_epoch_leaves_out_a_share_of_streams_and_never_all():
    present = {"a": np.ones(4000, bool), "b": np.arange(4000) % 2 == 0, "c": np.ones(4000, bool)}
    kept = kept_streams(present, 0.3, seed=1, epoch=2)
    assert all((~kept[name] | present[name]).all() for name in present)
    assert np.stack(list(kept.values())).any(0).all()
    assert kept["a"].mean() == pytest.approx(0.7 + 0.3 * (0.3 * 0.3 / 3 + 0.3 / 2) / 2, abs=0.03)
    again = kept_streams(present, 0.3, seed=1, epoch=2)
    assert all(np.array_equal(kept[name], again[name]) for name in kept)
    other = kept_streams(present, 0.3, seed=1, epoch=3)
    assert any(not np.array_equal(kept[name], other[name]) for name in kept)
    nearly = kept_streams(present, 0.999999, seed=1, epoch=0)
    assert np.stack(list(nearly.values())).sum(0).max() == 1


def test_a_clip_that_no_stream_holds_counts_as_one_frame(features):
    nowhere = {name: np.full(5, -1) for name in features.at}
    assert replace(features, at=nowhere).lengths.tolist() == [1] * 5, (
        "clips are put in order by the logarithm"
    )
