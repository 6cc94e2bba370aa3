"""Temporal models in clips → extract → cache → train → intensities: a clip's frames become one vector.

Each is read so that padding behind a clip has no effect: what a clip is told does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn

from train.heads import lstm_cpu
from train.heads.lstm_cuda import run_padded


class TemporalModel(Protocol):
    """What turns a clip's frames into one vector."""

    output_width: int

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return (clips, output_width) from padded frames (clips, frames, width); padding has no effect.

        Args:
            frames: (clips, frames, width), padded behind each clip.
            lengths: (clips,) valid frames, at least 1.
        """
        ...


class LastOutputLSTM(nn.LSTM):
    """The method's LSTM: one direction, read at the last valid frame of each clip.

    The padding comes after that frame and the LSTM never looks ahead, so running it over the padded batch
    is exact, and faster than packing.
    """

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__(width, hidden, num_layers=layers, batch_first=True)
        self.output_width = hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the output at each clip's last valid frame."""
        if lstm_cpu.is_faster(self, frames):
            outputs = lstm_cpu.run_lstm(self, frames, torch.bfloat16)
        else:
            outputs = run_padded(self, frames)
        return _at_last(outputs, lengths)


class LastOutputGRU(nn.GRU):
    """A GRU in one direction, read at the last valid frame of each clip."""

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__(width, hidden, num_layers=layers, batch_first=True)
        self.output_width = hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the output at each clip's last valid frame."""
        return _at_last(self(frames)[0], lengths)


class TwoWayLSTM(nn.Module):
    """An LSTM in each direction, each read at the frame where it has heard the whole clip.

    The backward one runs over each clip turned round, so that its padding too comes last. One direction of a
    layer hears both of the layer below.
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
        return torch.cat([_at_last(frames, lengths)[:, :half], frames[:, 0, half:]], dim=1)


class AttentionPooling(nn.Module):
    """Weighted mean over the valid frames; a small network with one hidden layer gives the weights."""

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [width] + [hidden] * layers
        steps: list[nn.Module] = []
        for one, two in pairwise(widths):
            steps += [nn.Linear(one, two), nn.Tanh()]
        self.score = nn.Sequential(*steps, nn.Linear(hidden, 1))
        self.output_width = width

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean of each clip's valid frames, weighted by a softmax over their scores."""
        valid = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        scores = self.score(frames).squeeze(2).float().masked_fill(~valid, -torch.inf)
        weighted: Tensor = scores.softmax(1)[:, :, None] * frames.masked_fill(~valid[:, :, None], 0)
        return weighted.sum(1)


TEMPORAL: dict[str, Callable[[int, int, int], nn.Module]] = {
    "lstm": LastOutputLSTM,
    "gru": LastOutputGRU,
    "bilstm": TwoWayLSTM,
    "attention": AttentionPooling,
}


def _at_last(outputs: Tensor, lengths: Tensor) -> Tensor:
    last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, last)[:, 0]
