"""A temporal model: an LSTM in each direction, each read at the frame where it has read the whole clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.heads.temporal.model import at_last_frame


class TwoWayLSTM(nn.Module):
    """An LSTM in each direction, each read at the frame where it has read the whole clip.

    The backward one runs over each clip turned round, so that its padding too comes last. One direction of a
    layer reads both of the layer below.
    """

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [width] + [2 * hidden] * (layers - 1)
        self.forward_layers = nn.ModuleList(nn.LSTM(each, hidden, batch_first=True) for each in widths)
        self.backward_layers = nn.ModuleList(nn.LSTM(each, hidden, batch_first=True) for each in widths)
        self.output_width = 2 * hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the forward output at the last valid frame joined with the backward one at the first."""
        time = torch.arange(frames.shape[1], device=frames.device)
        turned = torch.where(time < lengths[:, None], lengths[:, None] - 1 - time, time)[:, :, None]
        for ahead, back in zip(self.forward_layers, self.backward_layers, strict=True):
            one = ahead(frames)[0]
            two = back(frames.gather(1, turned.expand_as(frames)))[0]
            frames = torch.cat([one, two.gather(1, turned.expand_as(two))], dim=2)
        half = self.output_width // 2
        return torch.cat([at_last_frame(frames, lengths)[:, :half], frames[:, 0, half:]], dim=1)
