"""A speech encoder described by its files alone: fields, frames and recipe; torch loads with the encoder itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from extract.encoders.base import Encoder, EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.layout import Layout, SpeechFamily, read_layout
from extract.encoders.speech.recipe import CHUNKING, LICENCE, speech_recipe
from extract.encoders.speech.unloaded import UnloadedCheckpoint


def describe_with(family: SpeechFamily) -> Callable[[ModelFiles, EncoderOptions], UnloadedSpeechEncoder]:
    """Return how a family describes an encoder of files and options, for its line in the registry."""
    return lambda files, options: UnloadedSpeechEncoder(family, files, options)


class UnloadedSpeechEncoder(UnloadedCheckpoint[Layout]):
    """A speech encoder that is not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    licence = LICENCE
    chunking = CHUNKING

    def __init__(self, family: SpeechFamily, files: ModelFiles, options: EncoderOptions) -> None:
        super().__init__(files, options, self._read(files, options.layers, family))

    def _read(self, files: ModelFiles, layers: str, family: SpeechFamily) -> Layout:
        return read_layout(files.config, layers, family)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe: that of the encoder once loaded, to the last byte."""
        return speech_recipe(self._files, self._layout, self.weights_sha256, self.precision)

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders.speech.checkpoint import load_checkpoint
        from extract.encoders.speech.transformer import SpeechTransformer

        options = replace(self._options, device=device or self.devices()[0])
        return SpeechTransformer(load_checkpoint(self._files), self._layout, options)
