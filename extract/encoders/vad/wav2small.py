"""Wav2Small (Kounadis-Bastian et al., arXiv 2408.13920): arousal, dominance and valence from some 11,000 weights.

The layout of ``audeering/wav2small``, from its paper and public rebuilds of its card: names and shapes of the
weights stand in ``extract.encoders.vad.wav2small_network``. Not checked here: its published values.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from cache.format.schema import VAD_DIMS
from extract.encoders.base import Encoder, EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.settings import read_layers
from extract.encoders.speech.unloaded import UnloadedCheckpoint
from extract.encoders.vad.wav2small_layout import CHUNKING, LICENCE, SETTINGS, Wav2SmallLayout
from extract.errors import EncoderError


def describe(files: ModelFiles, options: EncoderOptions) -> UnloadedWav2Small:
    """Describe the encoder.

    Raises:
        EncoderError: its settings are others than the published ones, or it cannot do what the options ask for.
    """
    for key, expected in SETTINGS.items():
        if files.config.get(key, expected) != expected:
            raise EncoderError(
                f"{key} in the encoder's config.json is {str(files.config[key])[:60]!r}, expected {expected}"
            )
    read_layers(options.layers, 1)
    return UnloadedWav2Small(files, options, Wav2SmallLayout(_order(files.config.get("id2label"))))


def _order(labels: Any) -> tuple[int, ...]:
    if labels is None:
        return tuple(range(len(VAD_DIMS)))
    named = (
        {str(name).lower(): str(number) for number, name in labels.items()}
        if isinstance(labels, dict)
        else {}
    )
    if sorted(named) != sorted(VAD_DIMS) or sorted(named.values()) != ["0", "1", "2"]:
        raise EncoderError(
            f"id2label in the encoder's config.json is {str(labels)[:60]}, expected exactly {', '.join(VAD_DIMS)}"
        )
    return tuple(int(named[dim]) for dim in VAD_DIMS)


class UnloadedWav2Small(UnloadedCheckpoint[Wav2SmallLayout]):
    """A Wav2Small that is not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    libraries = ("torch", "safetensors")
    precisions = ("float32",)
    licence = LICENCE
    chunking = CHUNKING

    @property
    def precision(self) -> str:
        """Always float32: it is small."""
        return "float32"

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe."""
        return self.recipe_of(
            self._layout.config_sha256(), layers=[], vad=list(VAD_DIMS),
            normalisation="zero mean, unit variance per clip",
        )  # fmt: skip

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders.speech.checkpoint import load_checkpoint
        from extract.encoders.vad.wav2small_network import Wav2Small

        checkpoint = load_checkpoint(self._files)
        return Wav2Small(checkpoint, self._layout, device or self.devices()[0], self.recipe)
