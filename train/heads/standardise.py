"""First step of a head with ``standardise = "train"``: channels moved and divided by what training clips have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PARTS = ("frame_mean", "frame_deviation", "clip_mean", "clip_deviation")


class Standardise(nn.Module):
    """Holds what every channel is moved and divided by, for frames and for global means; nothing is learned.

    Attributes:
        frame_mean, frame_deviation: (width,) of all frames of the clips that were trained on.
        clip_mean, clip_deviation: (clip width,) of the vectors that sum them up.
    """

    frame_mean: Tensor
    frame_deviation: Tensor
    clip_mean: Tensor
    clip_deviation: Tensor

    def __init__(self, width: int, clip_width: int) -> None:
        super().__init__()
        for name in PARTS:
            values = width if name.startswith("frame") else clip_width
            self.register_buffer(name, torch.full((values,), float(name.endswith("deviation"))))

    def frames(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return (clips, frames, width) standardised; what lies behind a clip's frames is 0, as before."""
        valid = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
        moved: Tensor = (values - self.frame_mean) / self.frame_deviation
        return moved.masked_fill(~valid[:, :, None], 0.0)

    def clips(self, values: Tensor) -> Tensor:
        """Return the vectors of some clips (clips, clip width) standardised."""
        moved: Tensor = (values - self.clip_mean) / self.clip_deviation
        return moved
