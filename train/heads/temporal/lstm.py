"""The method's temporal model: an LSTM in one direction, read at the last valid frame of each clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.heads.temporal import lstm_cpu
from train.heads.temporal.lstm_cuda import run_padded
from train.heads.temporal.model import at_last_frame


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
        return at_last_frame(outputs, lengths)
