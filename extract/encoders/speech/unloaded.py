"""What all encoders with a checkpoint share before they are loaded: fields, devices, precision, hash of weights."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cache.format.schema import FrameField
from extract.encoders.base import PRECISIONS, EncoderOptions
from extract.encoders.families import SAFETENSORS
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.weight_files import safetensors_sha256, weight_paths
from extract.errors import EncoderError

TORCH_PRECISIONS = PRECISIONS[1:4]


class AnyLayout(Protocol):
    """What is asked of a family's layout."""

    @property
    def fields(self) -> tuple[FrameField, ...]: ...  # noqa: D102

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""


Shape = TypeVar("Shape", bound=AnyLayout)


class UnloadedCheckpoint(Generic[Shape]):
    """An encoder with files that torch computes, not loaded; see ``extract.encoders.base.UnloadedEncoder``.

    Raises:
        EncoderError: it does not compute in the precision asked for, or takes no padding.
    """

    pads = False  # whether silence is put after a clip

    libraries: tuple[str, ...] = ("torch", "transformers", "safetensors")
    precisions: tuple[str, ...] = TORCH_PRECISIONS

    def __init__(self, files: ModelFiles, options: EncoderOptions, layout: Shape) -> None:
        self._files, self._options, self._layout = files, options, layout
        if options.precision not in ("auto", *self.precisions):
            raise EncoderError(
                f"--precision {options.precision}: this encoder computes in {', '.join(self.precisions)}"
            )
        if options.padding is not None and not self.pads:
            raise EncoderError("--padding is for Whisper: this encoder hears a clip as it is; leave it out")

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields it yields."""
        return self._layout.fields

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._layout.num_frames(num_samples)

    def devices(self) -> list[str]:
        """Return the devices to use at once: ``cuda:0,cuda:1`` names them, ``auto`` is every one there is."""
        from extract.encoders import devices

        return devices.names(self._options.device)

    @cached_property
    def weights_sha256(self) -> str:
        """Of names, dtypes, shapes and bytes of all weights."""
        paths = weight_paths(self._files)
        is_known = all(path.suffix == Path(SAFETENSORS).suffix for path in paths)
        digest = safetensors_sha256(*paths) if is_known else None
        if digest is None:
            from extract.encoders.speech.checkpoint import load_checkpoint

            digest = load_checkpoint(self._files).weights_sha256()
        return digest

    @property
    def precision(self) -> str:
        """The one asked for, or the one that suits the device."""
        if self._options.precision != "auto":
            return self._options.precision
        from extract.encoders import devices

        return devices.precision("auto", devices.device(self.devices()[0]))

    def recipe_of(self, config_sha256: str, **words: Any) -> dict[str, Any]:
        """Return the part of a recipe that all encoders with weights have, and the family's own words."""
        return {
            "model": self._files.model, "revision": self._files.revision, "weights_sha256": self.weights_sha256,
            "config_sha256": config_sha256, **words, "precision": self.precision,
        }  # fmt: skip
