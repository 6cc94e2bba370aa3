"""Attention pooling: a weighted mean over the valid frames."""

from __future__ import annotations

import torch

from train.heads.temporal.attention import AttentionPooling


def test_equal_frames_give_that_frame_and_the_weights_sum_to_one():
    model = AttentionPooling(4, 3, 1)
    frame = torch.randn(4)
    frames = frame.expand(2, 5, 4)
    torch.testing.assert_close(model.summarise(frames, torch.tensor([5, 2])), frame.expand(2, 4))


def test_a_constant_score_gives_the_mean_of_the_valid_frames():
    model = AttentionPooling(4, 3, 1)
    torch.nn.init.zeros_(model.score[-1].weight)
    frames = torch.randn(2, 5, 4)
    expected = torch.stack([frames[0].mean(0), frames[1, :3].mean(0)])
    torch.testing.assert_close(model.summarise(frames, torch.tensor([5, 3])), expected)
