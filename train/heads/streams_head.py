"""The head of several streams: of each its own inputs and temporal model, then one fusion of all of them.

A clip may be absent from some streams. Learned values stand in for what such a stream would have said, so that
what the others say is not touched.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from train.errors import ConfigError
from train.heads.head import FusionHead, HeadShape, Inputs, new_head, number_of_parameters
from train.heads.registry import FUSIONS, STREAM_FUSIONS
from train.heads.streams import StreamState, StreamWidths

STREAM, TOKEN = "stream-", "token-"  # before its name, of a stream's tensors and of what stands in for it


class StreamInput(NamedTuple):
    """What a stream has of the clips of a batch.

    Attributes:
        frames: (clips, frames, width) float32, padded behind each clip; None where nothing takes them.
        lengths: (clips,) valid frames; 1 where the clip is absent.
        global_mean: (clips, clip width) float32; None where nothing takes it.
        present: (clips,) bool.
    """

    frames: Tensor | None
    lengths: Tensor
    global_mean: Tensor | None
    present: Tensor


@dataclass(frozen=True)
class StreamsShape:
    """What fixes the tensors of a head of several streams.

    Attributes:
        streams: name → shape of what comes before the fusion; the fusion that such a shape names is none of this.
        targets: number of intensities.
        fusion: name of the fusion.
        dropout: share of the values that reach the fusion which is left out at random in training.
        tokens: whether learned values stand in where a stream lacks a clip.
        query: the stream that asks, where the fusion has one; None leaves it to the fusion.

    Raises:
        ConfigError: if there is no stream, or one has other targets.
    """

    streams: Mapping[str, HeadShape]
    targets: int
    fusion: str = "concat"
    dropout: float = 0.0
    tokens: bool = True
    query: str | None = None

    def __post_init__(self) -> None:
        if not self.streams or list(self.streams) != sorted(self.streams):
            raise ConfigError(f"streams of a head: found {list(self.streams)}, expected names in order")
        for name, shape in self.streams.items():
            if shape.targets != self.targets:
                raise ConfigError(f"stream {name}: found {shape.targets} targets, expected {self.targets}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        streams = {name: shape.to_dict() for name, shape in self.streams.items()}
        return {**vars(self), "streams": streams}

    def head(self) -> StreamsHead:
        """Return a head of this shape."""
        return StreamsHead(self)


class StreamsHead(nn.Module):
    """Of each stream its clip vector and its temporal model's output, then a fusion of all.

    Tensors of a stream are those of a head of its own, below ``stream-<name>``; the fusion's ``fusion_head``.
    A fusion of vectors (``FUSIONS``) takes those of all streams, in the order of the streams' names.

    Raises:
        ConfigError: if the fusion takes more streams, or others.
    """

    def __init__(self, shape: StreamsShape) -> None:
        super().__init__()
        self.shape = shape
        for name, own in shape.streams.items():
            self.add_module(STREAM + name, Inputs(own))
        self.of_streams = shape.fusion in STREAM_FUSIONS
        self.fusion_head = self._fusion()
        self.takes_frames = bool(getattr(self.fusion_head, "needs_frames", False))
        if shape.tokens:
            for each in self._widths(frames=self.takes_frames):
                self.add_module(TOKEN + each.name, Token(each))

    @property
    def apart(self) -> bool:
        """Whether every stream has a head of its own, which is trained for itself."""
        return bool(getattr(self.fusion_head, "apart", False))

    def inputs(self, name: str) -> Inputs:
        """Return what comes before the fusion in a stream."""
        return cast(Inputs, self.get_submodule(STREAM + name))

    def is_learned(self, name: str) -> bool:
        """Whether what stands in where a stream lacks a clip was ever learned: it begins at 0, and moves if so."""
        return any(bool(values.any()) for values in self.get_submodule(TOKEN + name).parameters())

    def forward(self, streams: Mapping[str, StreamInput]) -> Tensor:
        """Return the intensities (clips, targets) of a batch, given what each stream has of its clips."""
        states = self._states(streams)
        if self.of_streams:
            return self.fusion_head(states)  # type: ignore[no-any-return]
        return self.fusion_head(*(vector for state in states for vector in state.vectors))  # type: ignore[no-any-return]

    def outputs(self, streams: Mapping[str, StreamInput]) -> Tensor:
        """Return what each stream's own head says, (streams, clips, targets), where they are trained apart."""
        return self.fusion_head.outputs(self._states(streams))  # type: ignore[no-any-return, operator]

    def num_parameters(self) -> int:
        """Return the number of trainable values."""
        return number_of_parameters(self)

    def _fusion(self) -> nn.Module:
        shape = self.shape
        if not self.of_streams:
            widths = [width for each in self._widths() for width in each.vectors]
            return FUSIONS.get(shape.fusion)(widths, shape.targets, shape.dropout)
        make = STREAM_FUSIONS.get(shape.fusion)
        named = {"query": shape.query} if "query" in inspect.signature(make).parameters else {}
        return make(self._widths(), shape.targets, shape.dropout, **named)

    def _widths(self, *, frames: bool = True) -> list[StreamWidths]:
        """Return the sizes of what each stream hands on; of frames only where they are asked for."""
        return [
            StreamWidths(name, tuple(self.inputs(name).widths), own.width if frames else 0)
            for name, own in self.shape.streams.items()
        ]

    def _states(self, streams: Mapping[str, StreamInput]) -> Sequence[StreamState]:
        """Return what the streams say of the clips, in the order of their names."""
        if streams.keys() != self.shape.streams.keys():
            raise ConfigError(
                f"this head takes the streams {', '.join(self.shape.streams)}, the batch has {', '.join(streams)}"
            )
        return [self._state(name, streams[name]) for name in self.shape.streams]

    def _state(self, name: str, given: StreamInput) -> StreamState:
        part, shape = self.inputs(name), self.shape.streams[name]
        vectors, frames = [], None
        if shape.global_mean:
            vectors.append(part.clip_vector(given.global_mean))
        if shape.lstm or self.takes_frames:
            frames = part.own_frames(given.frames, given.lengths)
            if shape.lstm:
                vectors.append(part.temporal.summarise(frames, given.lengths))
        state = StreamState(
            tuple(vectors), frames if self.takes_frames else None, given.lengths, given.present
        )
        return cast(Token, self.get_submodule(TOKEN + name))(state) if self.shape.tokens else state


class Token(nn.Module):
    """The learned values that stand in for a stream where a clip is absent: a vector each, and one frame.

    They begin at 0, which is the mean of what is standardised.
    """

    def __init__(self, widths: StreamWidths) -> None:
        super().__init__()
        self.vectors = nn.ParameterList(torch.zeros(width) for width in widths.vectors)
        if widths.frame:
            self.frame = nn.Parameter(torch.zeros(widths.frame))

    def forward(self, state: StreamState) -> StreamState:
        """Return a state with them in their places."""
        there = state.present[:, None]
        vectors = tuple(
            torch.where(there, vector, token.to(vector.dtype))
            for vector, token in zip(state.vectors, self.vectors, strict=True)
        )
        frames, lengths = state.frames, state.lengths
        if frames is not None:
            behind = frames.new_zeros(frames.shape[1] - 1, frames.shape[2])
            stands_in = torch.cat([self.frame.to(frames.dtype)[None], behind])
            frames = torch.where(there[:, :, None], frames, stands_in)
            lengths = torch.where(state.present, lengths, torch.ones_like(lengths))
        return StreamState(vectors, frames, lengths, state.present)


Head = FusionHead | StreamsHead
AnyShape = HeadShape | StreamsShape


def shape_in(values: Mapping[str, Any]) -> AnyShape:
    """Return the shape of a head from the JSON values that ``to_dict`` gave.

    Raises:
        ConfigError, TypeError: if they are of no shape.
    """
    if "streams" not in values:
        return HeadShape(**values)
    streams = {str(name): HeadShape(**own) for name, own in values["streams"].items()}
    return StreamsShape(**{**values, "streams": streams})


def made(shape: AnyShape, seed: int) -> Head:
    """Return a head with torch's default initialisation from ``seed``, whatever was drawn before."""
    head: Head = new_head(cast(Any, shape), seed)
    return head
