"""What all fusions of streams share: how many streams they take, and what of each reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from train.errors import ConfigError
from train.heads.fusion import joined
from train.heads.streams import StreamState, StreamWidths

TEXT = "text"  # the stream that asks the others, where there is one of this name


class StreamFusion(nn.Module):
    """Takes the states of all streams, in the order of their names, and returns (clips, targets).

    Where a clip is absent from a stream, the values that stand in count as the stream's. No fusion mixes clips.

    Attributes:
        needs_frames: whether the streams must hand on frames.
        apart: whether every stream is trained on its own, as ``late`` is.
        least, most: how many streams it takes.

    Raises:
        ConfigError: if there are fewer or more streams, or one has not what it needs.
    """

    needs_frames: ClassVar[bool] = False
    apart: ClassVar[bool] = False
    least: ClassVar[int] = 2
    most: ClassVar[int | None] = None

    def __init__(self, streams: Sequence[StreamWidths], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        if len(streams) < self.least or (self.most is not None and len(streams) > self.most):
            expected = f"at least {self.least}" if self.most is None else f"{self.least} to {self.most}"
            names = ", ".join(stream.name for stream in streams)
            raise ConfigError(
                f"streams of this fusion: found {len(streams)} ({names}), expected {expected}; "
                "choose another fusion"
            )

    def vectors(self, states: Sequence[StreamState]) -> list[Tensor]:
        """Return each stream's vectors joined (clips, width), a share of their values left out in training."""
        return [joined(state.vectors, self.dropout, self.training) for state in states]

    def thinned(self, frames: Tensor) -> Tensor:
        """Return frames, a share of their values left out in training."""
        return nn.functional.dropout(frames, self.dropout, self.training) if self.dropout else frames


def place_of_query(streams: Sequence[StreamWidths], query: str | None) -> int:
    """Return where the stream that asks the others stands: the one named, else "text", else the first.

    Raises:
        ConfigError: if there is no stream of that name.
    """
    names = [stream.name for stream in streams]
    if query is None:
        return names.index(TEXT) if TEXT in names else 0
    if query not in names:
        raise ConfigError(f"query: found {query!r}, expected one of the streams: {', '.join(names)}")
    return names.index(query)


def require(streams: Sequence[StreamWidths], what: str, fusion: str) -> None:
    """Refuse streams that hand on no ``what`` ("vector" or "frame").

    Raises:
        ConfigError: naming the first of them.
    """
    for stream in streams:
        if not getattr(stream, what):
            raise ConfigError(
                f"stream {stream.name}: hands on no {what}, which the fusion {fusion} takes; switch its global "
                "mean or its temporal model on, or choose another fusion"
            )
