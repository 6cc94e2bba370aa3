"""Builds a model of transformers from its config, with random weights that are all to be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import transformers
from transformers.utils import logging as transformers_logging

from cache.format.recipe import canonical_json
from extract.encoders.speech.settings import used_settings
from extract.errors import EncoderError


def build(
    config: str, model: str | Callable[[Any], Any], settings: dict[str, Any], values: Mapping[str, Any]
) -> Any:
    """Build a model.

    Args:
        config: name of its class of configs in transformers.
        model: name of its class there, or what makes it of the config.
        settings: its config.json.
        values: every setting that changes a value, as the recipe has them.

    Raises:
        EncoderError: the settings cannot be used, or this version of transformers fills in other values than the
            recipe says.
    """
    transformers_logging.set_verbosity_error()  # it warns of token ids, which speech has none of
    make = getattr(transformers, model) if isinstance(model, str) else model
    try:
        built = getattr(transformers, config).from_dict(used_settings(settings))
        made = make(built)
    except Exception as error:  # whatever a setting of a wrong kind comes to
        reason = " ".join(str(error).split())
        raise EncoderError(f"the encoder's config.json cannot be used: {reason[:300]}") from None
    _check_defaults(values, settings, built.to_dict())
    return made


def _check_defaults(values: Mapping[str, Any], settings: Mapping[str, Any], built: Mapping[str, Any]) -> None:
    for key in values.keys() - settings.keys():
        if canonical_json(built.get(key)) != canonical_json(values[key]):
            raise EncoderError(
                f"transformers {transformers.__version__} takes {key} as {built.get(key)}, expected "
                f"{values[key]}; state it in the encoder's config.json"
            )
