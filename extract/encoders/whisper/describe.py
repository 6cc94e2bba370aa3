"""A Whisper encoder described by its files alone, in the layout of transformers or of CTranslate2."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from extract.encoders.base import Encoder, EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.unloaded import UnloadedCheckpoint
from extract.encoders.speech.weight_files import weight_paths
from extract.encoders.whisper import ctranslate2_backend as ctranslate2
from extract.encoders.whisper.context import CHUNKING
from extract.encoders.whisper.layout import WhisperLayout, ctranslate2_layout, transformers_layout
from extract.encoders.whisper.model_bin import encoder_sha256, encoder_variables, require_finite

LICENCE = "as the authors of the encoder's weights state it; OpenAI's are under the MIT licence"


def describe(files: ModelFiles, options: EncoderOptions) -> UnloadedWhisper:
    """Describe a Whisper in the layout of transformers, with its decoder or without.

    Raises:
        EncoderError: its settings cannot be used, or it cannot do what the options ask for.
    """
    return UnloadedWhisper(files, options, transformers_layout(files, options))


def describe_ctranslate2(files: ModelFiles, options: EncoderOptions) -> UnloadedCTranslate2:
    """Describe a Whisper in the layout of CTranslate2, which faster-whisper takes.

    Raises:
        EncoderError: its weights are not those of a Whisper, or it cannot do what the options ask for.
    """
    return UnloadedCTranslate2(files, options)


class UnloadedWhisper(UnloadedCheckpoint[WhisperLayout]):
    """A Whisper that is not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    licence = LICENCE
    chunking = CHUNKING
    pads = True

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe."""
        return self.recipe_of(
            self._layout.config_sha256(), layers=list(self._layout.layers), vad=[], normalisation="none",
            padding=self._layout.padding, windows=CHUNKING,
        )  # fmt: skip

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders import devices
        from extract.encoders.speech.checkpoint import load_checkpoint
        from extract.encoders.whisper.encoder import WhisperEncoder
        from extract.encoders.whisper.torch_backend import TorchBackend

        device = device or self.devices()[0]
        precision = devices.precision(self._options.precision, devices.device(device))
        backend = TorchBackend(load_checkpoint(self._files), self._layout, device, precision)
        return WhisperEncoder(self._layout, backend, self.recipe | {"precision": precision}, LICENCE)


class UnloadedCTranslate2(UnloadedWhisper):
    """The same in the layout of CTranslate2, computed by that library."""

    libraries = ("ctranslate2",)

    def __init__(self, files: ModelFiles, options: EncoderOptions) -> None:
        self._path = weight_paths(files)[0]
        self._variables = encoder_variables(self._path)
        super().__init__(files, options, ctranslate2_layout(self._variables, options))

    @property
    def precisions(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those its first device computes in."""
        return ctranslate2.precisions_of(self.devices()[0])

    def devices(self) -> list[str]:
        """Return the devices to use at once: those named, or every CUDA device that CTranslate2 sees."""
        return ctranslate2.devices_of(self._options.device)

    @cached_property
    def weights_sha256(self) -> str:
        """Of the encoder's weights alone: the same words may be written by another decoder."""
        return encoder_sha256(self._path, self._variables)

    @property
    def precision(self) -> str:
        """The one asked for, or float16 on CUDA and float32 on a CPU."""
        if self._options.precision != "auto":
            return self._options.precision
        return "float32" if self.devices()[0] == "cpu" else "float16"

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders.whisper.encoder import WhisperEncoder

        require_finite(self._path, self._variables)
        devices = self.devices()
        backend = ctranslate2.CTranslate2Backend(
            self._path.parent,
            device or devices[0],
            self.precision,
            self._layout.num_layers,
            devices.count("cpu"),
        )
        return WhisperEncoder(self._layout, backend, self.recipe, LICENCE)
