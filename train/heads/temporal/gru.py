"""A temporal model: a GRU in one direction, read at the last valid frame of each clip."""

from __future__ import annotations

from torch import Tensor, nn

from train.heads.temporal import gru_cpu
from train.heads.temporal.model import at_last_frame


class LastOutputGRU(nn.GRU):
    """A GRU in one direction, read at the last valid frame of each clip."""

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__(width, hidden, num_layers=layers, batch_first=True)
        self.output_width = hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the output at each clip's last valid frame."""
        outputs = gru_cpu.run_gru(self, frames) if gru_cpu.is_faster(self, frames) else self(frames)[0]
        return at_last_frame(outputs, lengths)
