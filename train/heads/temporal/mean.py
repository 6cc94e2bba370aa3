"""A temporal model that is none: the plain mean over a clip's valid frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MeanPooling(nn.Module):
    """Mean over the valid frames; nothing is learned, so ``hidden`` and ``layers`` have no effect."""

    def __init__(self, width: int, hidden: int, layers: int) -> None:  # noqa: ARG002
        super().__init__()
        self.output_width = width

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean of each clip's valid frames."""
        behind = torch.arange(frames.shape[1], device=frames.device) >= lengths[:, None]
        return frames.masked_fill(behind[:, :, None], 0).sum(1) / lengths[:, None]
