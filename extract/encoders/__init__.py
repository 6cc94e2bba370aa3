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
