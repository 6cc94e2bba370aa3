"""The heads: their weights' names, padding that decides nothing, and shares of layers that sum to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from extract.encoders.speech.heads import HEADS, make_head


@dataclass
class Shape:
    head: str
    hidden: int = 8
    num_layers: int = 3
    head_values: dict[str, Any] = field(
        default_factory=lambda: {"classifier_hidden_layers": 2, "use_conv_output": False}
    )


@pytest.fixture(params=HEADS)
def head(request):
    torch.manual_seed(1)
    made = make_head(Shape(request.param))
    for weight in made.parameters():
        torch.nn.init.normal_(weight, 0, 0.3)
    return made.eval()


@torch.inference_mode()
def test_what_pads_a_clip_decides_nothing(head) -> None:
    states = torch.randn(2, 70, 8)
    frames, clips = head(states, [70, 31])
    states[1, 31:] = 1e3
    again, clips_again = head(states, [70, 31])
    torch.testing.assert_close(again[1, :31], frames[1, :31])
    torch.testing.assert_close(clips_again, clips)
    alone, clip_alone = head(states[1:, :31], [31])
    torch.testing.assert_close(alone[0], frames[1, :31])
    torch.testing.assert_close(clip_alone[0], clips[1])


@torch.inference_mode()
def test_scores_far_apart_still_give_every_frame_a_value() -> None:
    made = make_head(Shape("statistics"))
    made.pool_model.attention.fill_(60.0)
    states = torch.cat([torch.full((1, 100, 8), -3.0), torch.full((1, 100, 8), 3.0)], dim=1)
    frames, clips = made(states, [200])
    assert frames.isfinite().all()
    assert clips.isfinite().all()


def test_shares_of_layers_sum_to_one() -> None:
    shares = make_head(Shape("vox-profile")).shares()
    assert shares.shape == (4,)
    assert (shares[0].item(), shares.sum().item()) == (0.0, pytest.approx(1.0))
    assert make_head(Shape("audeering")).shares() is None


def test_names_are_those_of_the_published_weights() -> None:
    names = {name: set(make_head(Shape(name)).state_dict()) for name in HEADS}
    assert names["audeering"] == {
        f"{part}.{kind}" for part in ("dense", "out_proj") for kind in ("weight", "bias")
    }
    assert {"pool_model.attention", "ser_model.fc.1.1.weight", "ser_model.out.0.bias"} < names["statistics"]
    assert {"weights", "model_seq.3.bias", "valence_layer.2.weight"} < names["vox-profile"]
