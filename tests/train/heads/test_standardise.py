"""The step of a head that standardises what it is given."""

from __future__ import annotations

from dataclasses import replace

import torch

from train.heads.head import FusionHead, HeadShape, new_head


def with_moments(shape: HeadShape) -> FusionHead:
    head = new_head(replace(shape, standardise=True), 0)
    for name, buffer in head.standardise.named_buffers():
        buffer.copy_(torch.rand(len(buffer)) + (0.5 if name.endswith("deviation") else 20.0))
    return head


def test_it_is_the_same_head_without_it_on_standardised_inputs() -> None:
    head = with_moments(HeadShape(width=7, targets=2, hidden=5))
    own = head.standardise
    frames, lengths = torch.randn(3, 9, 7) + 20, torch.tensor([9, 4, 1])
    means = torch.randn(3, 7)
    bare = FusionHead(replace(head.shape, standardise=False))
    bare.load_state_dict({k: v for k, v in head.state_dict().items() if not k.startswith("standardise")})
    moved = (frames - own.frame_mean) / own.frame_deviation, (means - own.clip_mean) / own.clip_deviation
    torch.testing.assert_close(head(frames, lengths, means), bare(moved[0], lengths, moved[1]))


def test_what_lies_behind_a_clip_stays_0() -> None:
    own = with_moments(HeadShape(width=7, targets=2, hidden=5)).standardise
    frames = own.frames(torch.zeros(2, 6, 7), torch.tensor([6, 2]))
    assert not frames[1, 2:].any()
    assert frames[1, :2].all()


def test_nothing_of_it_is_learned() -> None:
    shape = HeadShape(width=7, targets=2, hidden=5)
    assert with_moments(shape).num_parameters() == FusionHead(shape).num_parameters()
