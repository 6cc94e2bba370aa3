"""Principal components of frames: a head holds the axes that its training clips gave, and learns none of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Components(nn.Module):
    """Turns standardised frames onto their principal axes; kept in the head for the clips it is to predict.

    Attributes:
        mean, deviation: (width,) of the frames of the clips that were trained on.
        axes: (width, components) principal axes of those frames once they are standardised, largest first.
    """

    mean: Tensor
    deviation: Tensor
    axes: Tensor

    def __init__(self, width: int, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("axes", torch.zeros(width, components))
