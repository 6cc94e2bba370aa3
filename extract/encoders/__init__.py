"""The encoders between clips and cache; the only place that knows transformers and safetensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.format.schema import FrameField
    from extract.encoders.base import Encoder, EncoderOptions

DEFAULT_MODEL = "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"
LOGMEL = "logmel"  # built in, without weights


def load_encoder(options: EncoderOptions) -> Encoder:
    """Load the encoder that ``options`` name.

    Raises:
        EncoderError: it cannot be had, or a weight is missing, unexpected or misshapen.
    """
    if options.model == LOGMEL:
        from extract.encoders.logmel import LogMel

        return LogMel(options)
    from extract.encoders.checkpoint import load_checkpoint
    from extract.encoders.transformer import SpeechTransformer

    return SpeechTransformer(load_checkpoint(options.model, options.revision), options)


@dataclass(frozen=True)
class Shape:
    """What an encoder yields, known from its settings alone: its frame fields, and frames for so many samples."""

    fields: tuple[FrameField, ...]
    num_frames: Callable[[int], int]


def encoder_shape(options: EncoderOptions) -> Shape:
    """Return what the encoder that ``options`` name yields, without its weights.

    Raises:
        EncoderError: its settings cannot be had or used.
    """
    if options.model == LOGMEL:
        from extract.encoders.logmel import LogMel

        logmel = LogMel(options)
        return Shape(logmel.fields, logmel.num_frames)
    from extract.encoders.hub import find_model
    from extract.encoders.layout import DEFAULT_CONFIG, read_layout

    config = DEFAULT_CONFIG
    if (options.model, options.revision) != (DEFAULT_MODEL, None):  # known: no need to wait for a network
        config = find_model(options.model, options.revision, weights=False).config
    layout = read_layout(config, options.layers)
    return Shape(layout.fields, layout.num_frames)


def device_names(options: EncoderOptions) -> list[str]:
    """Return the devices to use at once: ``cuda:0,cuda:1`` names them, ``auto`` is every one there is.

    Raises:
        EncoderError: there is no such device.
    """
    if options.model == LOGMEL:
        return ["cpu" if name == "auto" else name.strip() for name in options.device.split(",")]
    from extract.encoders.devices import names

    return names(options.device)


def share_cores(workers: int) -> None:
    """Keep this process's threads to its share of the cores when several workers run on the CPU."""
    if workers > 1:
        from extract.encoders.devices import share_cores

        share_cores(workers)
