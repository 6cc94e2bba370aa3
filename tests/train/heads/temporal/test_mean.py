"""The mean over valid frames, which takes nothing to learn."""

from __future__ import annotations

import torch

from train.heads.temporal.mean import MeanPooling


def test_padding_does_not_count():
    model = MeanPooling(3, 7, 2)
    frames = torch.randn(2, 5, 3)
    frames[0, 2:] = torch.nan
    found = model.summarise(frames, torch.tensor([2, 5]))
    torch.testing.assert_close(found, torch.stack([frames[0, :2].mean(0), frames[1].mean(0)]))
    assert model.output_width == 3
    assert list(model.parameters()) == []
