"""Settings of a config.json and ``--layers``, checked before anything is built of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extract.errors import EncoderError

MAX_SETTING = 1 << 16
MAX_CONVOLUTIONS = 32
# Of config.json, what says nothing of an encoder's values and yet makes transformers act: fetch and run a kernel,
# quantise, make a billion labels, put out something else, or compute a layer bit by bit.
UNUSED = frozenset(
    {
        "auto_map", "quantization_config", "id2label", "label2id", "num_labels", "problem_type", "return_dict",
        "use_return_dict", "output_attentions", "output_hidden_states", "chunk_size_feed_forward",
    }
)  # fmt: skip
CHOICE_OF_CODE = "_implementation"  # ends the names of settings that choose which code computes
OF_TRAINING = re.compile("dropout|layerdrop|_prob$")  # chances, which torch still refuses beyond 0 to 1


def used_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what transformers may see of a config.json: not what chooses code, labels or outputs, nor chances."""
    return {
        key: value
        for key, value in settings.items()
        if key not in UNUSED and not key.endswith(CHOICE_OF_CODE) and not OF_TRAINING.search(key)
    }


def check_settings(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse a setting that is of another kind than its default, or beyond reason.

    Raises:
        EncoderError: it names the first such setting.
    """
    for key, default in defaults.items():
        if not _is_like(values[key], default):
            raise EncoderError(
                f"{key} in the encoder's config.json is {str(values[key])[:60]!r}, expected such as {default}"
            )


def _is_like(value: Any, default: Any) -> bool:
    """Say whether a setting is of the type of its default, and within reason."""
    if isinstance(default, list):
        return (
            isinstance(value, list) and len(value) <= MAX_CONVOLUTIONS and all(_is_like(n, 1) for n in value)
        )
    if isinstance(default, bool) or default is None:
        return value is None or isinstance(value, bool | int)
    if isinstance(default, int):
        return isinstance(value, int) and 1 <= value <= MAX_SETTING
    if isinstance(default, float):
        return isinstance(value, int | float) and 0 <= value <= 1
    return isinstance(value, str)


def read_layers(text: str, count: int) -> tuple[int, ...]:
    """Return the layers that ``--layers`` names, ascending, of an encoder that has ``count``.

    Raises:
        EncoderError: it names one that is not there.
    """
    if text == "last":
        return (count,)
    try:
        layers = tuple(sorted({count if part.strip() == "last" else int(part) for part in text.split(",")}))
    except ValueError:
        layers = ()
    if not layers or not all(1 <= layer <= count for layer in layers):
        example = f"{max(1, count // 2)},{count}" if count > 1 else "1"
        raise EncoderError(
            f"--layers {text}: expected 'last' or numbers from 1 to {count}, such as {example}"
        )
    return layers


def refuse_larger(least: int, num_values: int) -> None:
    """Refuse a config that describes an encoder of at least ``least`` weights where there are fewer.

    Raises:
        EncoderError: before memory is taken for it.
    """
    if least > num_values:
        raise EncoderError(
            f"the encoder's config.json describes at least {least} weights, there are {num_values}; "
            "get the complete checkpoint"
        )
