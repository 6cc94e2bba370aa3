"""What the streams of a head hand to its fusion: of each its vector and its frames, for the clips of a batch.

A fusion of streams is a module made from the streams' widths, the number of intensities, and the share of what
reaches it that is left out at random in training. It takes the states of all streams at once, in the order of
their names, so that the order in which caches are given has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn


class StreamWidths(NamedTuple):
    """The sizes of what a stream hands on.

    Attributes:
        name: of the stream.
        vectors: values of each of its vectors: of the clip vector, then of the temporal model's output, as far as
            the stream has them.
        frame: channels of a frame; 0 if the stream hands on none.
    """

    name: str
    vectors: tuple[int, ...]
    frame: int

    @property
    def vector(self) -> int:
        """Values of its vectors joined."""
        return sum(self.vectors)


class StreamState(NamedTuple):
    """What a stream says of the clips of a batch.

    Where a clip is absent from the stream, learned values stand in: a vector, and one frame (``lengths`` is 1).

    Attributes:
        vectors: each (clips, width): the clip vector and the temporal model's output, as far as it has them.
        frames: (clips, frames, channels), padded behind each clip; None where no part of the head takes frames.
        lengths: (clips,) valid frames, at least 1.
        present: (clips,) bool, whether the clip is in the stream.
    """

    vectors: tuple[Tensor, ...]
    frames: Tensor | None
    lengths: Tensor
    present: Tensor


# From the widths of the streams (in the order of their names), the number of targets, and dropout; the module takes
# the states of the streams, in the same order, and returns (clips, targets).
MakeStreamFusion = Callable[[Sequence[StreamWidths], int, float], nn.Module]
