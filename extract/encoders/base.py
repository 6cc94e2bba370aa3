"""What the pipeline asks of an encoder: samples in, frames and clip-level values out, and its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from cache.format.schema import FrameField

Array = NDArray[Any]
WHOLE_SECONDS = 60.0  # attention sees a clip up to this length whole; part of the recipe where it matters


@dataclass(frozen=True)
class Encoded:
    """One clip's outputs, all float32.

    Attributes:
        frames: frame field → (frames, width).
        global_mean: frame field → (width,), the mean of its frames.
        clip: clip-level field → (width,).
        windowed: whether the clip was too long for whole-clip attention and was read in windows.
    """

    frames: dict[str, Array]
    global_mean: dict[str, Array]
    clip: dict[str, Array]
    windowed: bool = False


class Encoder(Protocol):
    """A frozen encoder.

    Attributes:
        fields: the frame fields it yields.
        recipe: its part of the cache's recipe.
        licence: of its weights, one line.
        equal_lengths: True when a batch may only hold clips of one length.
        chunking: what happens to clips longer than ``WHOLE_SECONDS``, for the recipe.
        batch_seconds: padded seconds a batch that suits the device; 0 for one clip at a time.
        memory_seconds: padded seconds a batch may have at most; lowered when memory runs out.
    """

    fields: tuple[FrameField, ...]
    recipe: dict[str, Any]
    licence: str
    equal_lengths: bool
    chunking: str
    batch_seconds: float
    memory_seconds: float

    def num_frames(self, num_samples: int) -> int:
        """Return the frames that ``num_samples`` samples at 16 kHz yield."""

    def encode(self, clips: Sequence[Array]) -> list[Encoded]:
        """Encode clips, each (num_samples,) float32 at 16 kHz; the result does not depend on the batch."""


@dataclass(frozen=True)
class EncoderOptions:
    """Which encoder, on what.

    Attributes:
        model: hub id, a local folder with config.json, preprocessor_config.json and model.safetensors, or
            ``logmel`` for the built-in encoder without weights.
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
