"""What the pipeline asks of an encoder: samples in, frames and clip-level values out, and its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from cache.schema import FrameField

Array = NDArray[Any]


@dataclass(frozen=True)
class Encoded:
    """One clip's outputs, all float32.

    Attributes:
        frames: frame field → (frames, width).
        global_mean: frame field → (width,), the mean of its frames.
        clip: clip-level field → (width,).
    """

    frames: dict[str, Array]
    global_mean: dict[str, Array]
    clip: dict[str, Array]


class Encoder(Protocol):
    """A frozen encoder.

    Attributes:
        fields: the frame fields it yields.
        recipe: its part of the cache's recipe.
        licence: of its weights, one line.
        equal_lengths: True when a batch may only hold clips of one length.
        batch_seconds: padded seconds a batch that suits the device; 0 for one clip at a time.
    """

    fields: tuple[FrameField, ...]
    recipe: dict[str, Any]
    licence: str
    equal_lengths: bool
    batch_seconds: float

    def num_frames(self, num_samples: int) -> int:
        """Return the frames that ``num_samples`` samples at 16 kHz yield."""

    def encode(self, clips: Sequence[Array]) -> list[Encoded]:
        """Encode clips, each (num_samples,) float32 at 16 kHz; the result does not depend on the batch."""


@dataclass(frozen=True)
class EncoderOptions:
    """Which encoder, on what.

    Attributes:
        model: hub id, or a local folder with config.json, preprocessor_config.json and model.safetensors.
        revision: branch, tag or commit on the hub.
        layers: ``last``, or layer numbers separated by commas.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``float32``, ``float16`` or ``bfloat16`` of the computation; ``auto`` for the device's.
    """

    model: str
    revision: str | None = None
    layers: str = "last"
    device: str = "auto"
    precision: str = "auto"
