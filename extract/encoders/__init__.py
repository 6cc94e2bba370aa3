"""The encoders between clips and cache; the only place that knows transformers and safetensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
