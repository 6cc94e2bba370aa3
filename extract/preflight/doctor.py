"""The doctor: checks a machine before a run takes all night on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from cache.common.errors import EmiError
from extract.encoders.base import Encoder, EncoderOptions, UnloadedEncoder
from extract.encoders.lookup import find_encoder, load_encoder
from extract.options import ExtractOptions
from extract.preflight.checks import FAILED, OK, Check
from extract.preflight.decoder_check import decoder_check
from extract.preflight.encoder_checks import encoder_checks
from extract.preflight.folder_checks import folder_checks
from extract.preflight.machine_checks import ENCODER_LIBRARIES, libraries_check, machine_check

LOWER_PRECISIONS = ("bfloat16", "float16", "int8")


def examine(options: ExtractOptions, out: Path | None = None) -> list[Check]:
    """Check this machine.

    Args:
        options: as for a run; the encoder is loaded on its first device, in float32.
        out: folder of the cache, if that is to be checked.
    """
    model: UnloadedEncoder | None = None
    encoder: Encoder | None = None
    try:
        model = find_encoder(replace(options.encoder, precision="float32"))
        device = model.devices()[0]
        encoder = model.load(device)
    except (EmiError, ImportError) as error:
        advice = "pass --model, or get it where there is a network"
        checks = [Check("encoder", FAILED, str(error), advice)]
    else:
        checks = [Check("encoder", OK, f"{encoder.recipe['model']}: every weight is there, no other")]
        checks += encoder_checks(encoder, _lower(model, replace(options.encoder, device=device)), device)
    if out is not None:
        checks += folder_checks(out, options, encoder)
    libraries = model.libraries if model else ENCODER_LIBRARIES
    return [libraries_check(libraries), machine_check(), decoder_check(), *checks]


def _lower(model: UnloadedEncoder, options: EncoderOptions) -> dict[str, Callable[[], Encoder]]:
    """Return how the encoder is loaded in each lower precision that it has."""
    return {
        name: partial(load_encoder, replace(options, precision=name))
        for name in LOWER_PRECISIONS
        if name in model.precisions
    }
