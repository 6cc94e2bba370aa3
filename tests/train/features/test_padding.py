"""Padding is as long as it must be, and zero."""

from __future__ import annotations

import numpy as np
import torch

from train.features.padding import padded_length, zero_padding


def test_a_batch_is_as_long_as_the_next_multiple_of_eight() -> None:
    assert [padded_length(np.array(lengths)) for lengths in ([1], [8, 3], [9], [16, 17])] == [8, 8, 16, 24]


def test_only_what_lies_behind_a_clip_becomes_zero() -> None:
    frames = torch.ones(3, 4, 2)
    zero_padding(frames, np.array([4, 1, 3]))
    assert frames[:, :, 0].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]]
