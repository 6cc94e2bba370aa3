"""The encoder that the options name, not loaded yet or loaded; and a loaded one in the place of the other."""

from __future__ import annotations

from collections.abc import Sequence

from extract.encoders.base import (
    BuiltInFamily,
    CheckpointFamily,
    Encoder,
    EncoderOptions,
    UnloadedEncoder,
)
from extract.encoders.families import family_of
from extract.encoders.hub import find_model
from extract.encoders.registry import BUILT_IN, CHECKPOINTS


def find_encoder(options: EncoderOptions, *, weights: bool = True) -> UnloadedEncoder:
    """Find the encoder that ``options`` name, without loading it.

    Args:
        options: which encoder.
        weights: whether its weights are wanted too, for its recipe and to be loaded, or its settings alone.

    Raises:
        EncoderError: it cannot be had, or its settings cannot be used.
    """
    if options.model in BUILT_IN:
        built_in: BuiltInFamily = BUILT_IN.get(options.model)
        return built_in(options)
    files = find_model(options.model, options.revision, weights=weights)
    family: CheckpointFamily = CHECKPOINTS.get(family_of(files.config).name)
    return family(files, options)


def load_encoder(options: EncoderOptions) -> Encoder:
    """Load the encoder that ``options`` name, on the first of their devices.

    Raises:
        EncoderError: it cannot be had, or a weight is missing, unexpected or misshapen.
    """
    return find_encoder(options).load()


class LoadedEncoder:
    """An encoder that is loaded already, where one that is not is expected.

    Args:
        encoder: which.
        devices: where it and its like are to work; one process where it is by default.
    """

    libraries: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()

    def __init__(self, encoder: Encoder, devices: Sequence[str] = ("its own device",)) -> None:
        self._encoder, self._devices = encoder, list(devices)
        self.fields, self.recipe = encoder.fields, encoder.recipe
        self.licence, self.chunking = encoder.licence, encoder.chunking
        self.num_frames = encoder.num_frames

    def devices(self) -> list[str]:
        """Return where it is to work."""
        return self._devices

    def load(self, device: str | None = None) -> Encoder:  # noqa: ARG002 - it is where it is
        """Return it."""
        return self._encoder
