"""What the run asks of an encoder: samples in, frames and clip-level values out, and its recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cache.common.option_fields import Range, check_options, option
from extract.encoders.registry import BUILT_IN, CHECKPOINTS, DEFAULT_MODEL
from extract.errors import EncoderError, with_flag

if TYPE_CHECKING:  # a help text needs no numpy
    from numpy.typing import NDArray

    from cache.format.schema import FrameField
    from extract.encoders.hub import ModelFiles

    Array = NDArray[Any]

PRECISIONS = ("auto", "float32", "float16", "bfloat16", "int8")
PADDING_SECONDS = Range("0 to 30 seconds", lambda value: 0 <= value <= 30)
WHOLE_SECONDS = 60.0  # attention sees a clip up to this length whole; part of the recipe where it matters


@dataclass(frozen=True)
class EncoderOptions:
    """Which encoder, on what.

    Attributes:
        model: hub id, a local folder with config.json, preprocessor_config.json and model.safetensors, or the
            name of a built-in encoder.
        revision: branch, tag or commit on the hub.
        layers: ``last``, or layer numbers separated by commas.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``; several, separated by commas, work at once.
        precision: ``float32``, ``float16``, ``bfloat16`` or ``int8`` of the computation, not all for every encoder;
            ``auto`` for the device's.
        padding: seconds of silence that a Whisper hears after a clip, up to the 30 s it always heard in training;
            None for 0.5, or for any other encoder.

    Raises:
        EncoderError: a value is of another type, or the precision is none of these.
    """

    model: str = option(
        DEFAULT_MODEL,
        f"Hub id or local folder of the encoder ({CHECKPOINTS.choices()}), or {BUILT_IN.choices()}.",
        shown="the paper's",
    )
    revision: str | None = option(None, "Branch, tag or commit on the hub.")
    layers: str = option("last", "'last' or layer numbers, such as 6,12.")
    device: str = option("auto", "auto (all), cpu, cuda:N, or several: cuda:0,cuda:1.")
    precision: str = option("auto", f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}.", choices=PRECISIONS)
    padding: float | None = option(
        None, "Whisper: seconds of silence it hears after a clip; 30 is how it was trained, and slow.",
        within=PADDING_SECONDS, shown="0.5",
    )  # fmt: skip

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", os.fspath(self.model))
        check_options(self, with_flag(EncoderError, EncoderOptions))


def require_plain(name: str, options: EncoderOptions) -> None:
    """Refuse what an encoder without files cannot do: layers, other precisions, silence after a clip, a GPU.

    Raises:
        EncoderError: the options ask for it.
    """
    if options.layers != "last" or options.precision not in {"auto", "float32"}:
        raise EncoderError(f"--model {name} has no --layers and computes in float32 only; leave both out")
    if options.padding is not None:
        raise EncoderError(f"--padding is for Whisper: --model {name} hears a clip as it is; leave it out")
    if any(each.strip() not in {"auto", "cpu"} for each in options.device.split(",")):
        raise EncoderError(f"--device {options.device}: --model {name} runs on the CPU")


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


class EncoderDescription(Protocol):
    """What is known of an encoder before it is loaded.

    Attributes:
        fields: the frame fields it yields.
        recipe: its part of the cache's recipe.
        licence: of its weights, one line.
        chunking: what happens to clips longer than ``WHOLE_SECONDS``, for the recipe.
    """

    @property
    def fields(self) -> tuple[FrameField, ...]: ...  # noqa: D102
    @property
    def recipe(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def chunking(self) -> str: ...  # noqa: D102

    def num_frames(self, num_samples: int) -> int:
        """Return the frames that ``num_samples`` samples at 16 kHz yield; 0 when they are too few."""


class Encoder(EncoderDescription, Protocol):
    """A frozen encoder, loaded.

    Attributes:
        equal_lengths: True when a batch may only hold clips of one length.
        batch_seconds: padded seconds a batch that suits the device; 0 for one clip at a time.
        memory_seconds: padded seconds a batch may have at most; lowered when memory runs out.
    """

    equal_lengths: bool
    batch_seconds: float

    @property
    def memory_seconds(self) -> float: ...  # noqa: D102

    def encode(self, clips: Sequence[Array]) -> list[Encoded]:
        """Encode clips, each (num_samples,) float32 at 16 kHz; the result does not depend on the batch."""


class UnloadedEncoder(EncoderDescription, Protocol):
    """An encoder described by its files or its name alone; nothing heavy is imported before ``load``.

    ``fields`` and ``num_frames`` need its settings only; ``recipe`` reads its weights and hashes them.

    Attributes:
        libraries: names of the modules that it needs once loaded.
        precisions: those it can compute in.
    """

    @property
    def libraries(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def precisions(self) -> tuple[str, ...]: ...  # noqa: D102

    def devices(self) -> list[str]:
        """Return the devices to use at once: those the options name, or every one there is.

        Raises:
            EncoderError: there is no such device.
        """

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``; its recipe is the one described.

        Raises:
            EncoderError: a weight is missing, unexpected or misshapen, or the device cannot be used.
        """


class BuiltInFamily(Protocol):
    """How a family without files makes its encoder of the options."""

    def __call__(self, options: EncoderOptions) -> UnloadedEncoder:
        """Describe the encoder.

        Raises:
            EncoderError: it cannot do what the options ask for.
        """


class CheckpointFamily(Protocol):
    """How a family with files makes its encoder of them and the options."""

    def __call__(self, files: ModelFiles, options: EncoderOptions) -> UnloadedEncoder:
        """Describe the encoder.

        Raises:
            EncoderError: its settings cannot be used, or it cannot do what the options ask for.
        """
