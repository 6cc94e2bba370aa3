"""A forward pass over many clips gives what the head gives clip by clip."""

from __future__ import annotations

import numpy as np
import torch

from cache import CacheReader
from train import FitConfig
from train.features.batches import Batcher, load_features
from train.runs.forward import apply_head, autocast


def test_outputs_come_in_the_order_of_the_positions(run, corpus, splits):
    positions = np.array([7, 0, 3])
    with CacheReader(corpus.cache) as reader:
        features = load_features(reader, splits.valid.clip_ids, run.config)
        found = apply_head(run.head, features, positions, run.config)
        batcher = Batcher(features, torch.device("cpu"))
        with torch.inference_mode():
            alone = [run.head(*batcher(np.array([position])))[0].double().numpy() for position in positions]
    np.testing.assert_allclose(found, alone, atol=1e-6)


def test_only_bfloat16_casts():
    cpu = torch.device("cpu")
    for precision, on in (("float32", False), ("bfloat16", True)):
        with autocast(FitConfig(precision=precision), cpu):
            assert torch.is_autocast_enabled("cpu") == on
