"""Batches: which clips meet in one changes no mean, and progress is told in clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train.features.batches import Batcher, FrameBank, load_features


def test_bucketed_and_unbucketed_batches_have_the_same_mean_squared_error(corpus, splits, small):
    import torch

    from cache import CacheReader
    from train.features.batches import BatchFeed, load_features
    from train.features.order import epoch_batches
    from train.heads.head import HeadShape, new_head
    from train.losses.total import batch_loss

    head = new_head(HeadShape(width=11, targets=3, hidden=4), 0)
    targets = torch.from_numpy(splits.train.targets).float()
    losses = []
    with CacheReader(corpus.cache) as reader:
        features = load_features(reader, splits.train.clip_ids, small)
        for by_length in (True, False):
            batches = epoch_batches(features.lengths, 7, 0, 0, by_length)
            total = 0.0
            for part, batch in BatchFeed(features, torch.device("cpu"))(batches):
                loss = batch_loss(("mse",), head(*batch), targets[torch.from_numpy(part)])
                total += loss.value.item() * len(part)
            losses.append(total / len(targets))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_progress_counts_clips_whatever_the_fields(corpus, splits):
    from train.features.batches import FrameBank

    seen, ids = [], splits.valid.clip_ids
    with CacheReader(corpus.cache) as reader:
        FrameBank(reader, ids).frames(
            ["hidden_states/2", "vad"], lambda done, total: seen.append((done, total))
        )
    assert [total for _, total in seen] == [30] * 60
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (30, 30)


@pytest.mark.parametrize("clip_vector", ["mean", "statistics"])
def test_a_bank_of_more_clips_in_another_order_gives_the_same_batches(corpus, splits, small, clip_vector):
    config, ids = replace(small, clip_vector=clip_vector), splits.valid.clip_ids[::-1]
    with CacheReader(corpus.cache) as reader:
        bank = FrameBank(reader, reader.clip_ids)
        bank.frames(["hidden_states/2", "vad"])
        alone = load_features(reader, ids, config)
        shared = load_features(reader, ids, config, bank=bank, budget=0)
        assert shared.in_memory, "nothing is left to be read"
        assert shared.clip_ids == alone.clip_ids == ids
        where = np.array([4, 0, 29])
        one, two = (Batcher(each, torch.device("cpu"))(where) for each in (alone, shared))
        for first, second in zip(one, two, strict=True):
            assert torch.equal(first, second)


def test_a_bank_that_is_not_filled_or_lacks_a_clip_is_not_used(corpus, splits, small, monkeypatch):
    ids = splits.valid.clip_ids
    with CacheReader(corpus.cache) as reader:
        empty, others = FrameBank(reader, reader.clip_ids), FrameBank(reader, splits.train.clip_ids)
        others.frames(["hidden_states/2", "vad"])
        assert others.positions(ids) is None
        for bank in (empty, others):
            found = load_features(reader, ids, small, bank=bank)
            assert found.in_memory
            assert len(found.lengths) == 30
        assert empty.num_bytes(["vad"]) > 0
