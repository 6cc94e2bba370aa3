"""A speech encoder described by its files alone: fields, frames and recipe; torch loads with the encoder itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cache.format.schema import FrameField
from extract.encoders.base import PRECISIONS, Encoder, EncoderOptions
from extract.encoders.hub import SAFETENSORS, ModelFiles
from extract.encoders.speech.layout import SpeechFamily, read_layout
from extract.encoders.speech.recipe import CHUNKING, LICENCE, speech_recipe
from extract.encoders.speech.weight_files import safetensors_sha256, weight_paths


def describe_with(family: SpeechFamily) -> Callable[[ModelFiles, EncoderOptions], UnloadedSpeechEncoder]:
    """Return how a family describes an encoder of files and options, for its line in the registry."""
    return lambda files, options: UnloadedSpeechEncoder(family, files, options)


class UnloadedSpeechEncoder:
    """A speech encoder that is not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    libraries = ("torch", "transformers", "safetensors")
    precisions = PRECISIONS[1:]
    licence = LICENCE
    chunking = CHUNKING

    def __init__(self, family: SpeechFamily, files: ModelFiles, options: EncoderOptions) -> None:
        self._files, self._options = files, options
        self._layout = read_layout(files.config, options.layers, family)

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields it yields."""
        return self._layout.fields

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._layout.num_frames(num_samples)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe: that of the encoder once loaded, to the last byte."""
        return speech_recipe(self._files, self._layout, self._weights_sha256(), self._precision())

    def devices(self) -> list[str]:
        """Return the devices to use at once: ``cuda:0,cuda:1`` names them, ``auto`` is every one there is."""
        from extract.encoders import devices

        return devices.names(self._options.device)

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders.speech.checkpoint import load_checkpoint
        from extract.encoders.speech.transformer import SpeechTransformer

        options = replace(self._options, device=device or self.devices()[0])
        return SpeechTransformer(load_checkpoint(self._files), self._layout, options)

    def _weights_sha256(self) -> str:
        paths = weight_paths(self._files)
        is_known = all(path.suffix == Path(SAFETENSORS).suffix for path in paths)
        digest = safetensors_sha256(*paths) if is_known else None
        if digest is None:
            from extract.encoders.speech.checkpoint import load_checkpoint

            digest = load_checkpoint(self._files).weights_sha256()
        return digest

    def _precision(self) -> str:
        if self._options.precision != "auto":
            return self._options.precision
        from extract.encoders import devices

        return devices.precision("auto", devices.device(self.devices()[0]))
