"""What a temporal model is: it turns a clip's frames into one vector, whatever pads them.

Each reads a clip so that padding behind it has no effect: its vector does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn


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


# From width of a frame, hidden units and layers; the module is a ``TemporalModel`` too.
MakeTemporal = Callable[[int, int, int], nn.Module]


def at_last_frame(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return (clips, width): of outputs (clips, frames, width) those at each clip's last valid frame."""
    last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, last)[:, 0]
