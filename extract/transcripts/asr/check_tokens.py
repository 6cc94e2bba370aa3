"""Refuses a recogniser whose config.json or tokenizer names tokens that its weights do not have.

CTranslate2 takes such numbers as they are, writes beside its memory, and may end the process. Files of two models
in one folder are enough for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extract.encoders.weight_index import read_settings
from extract.encoders.whisper.model_bin import DECODER, EMBEDDINGS, read_variables
from extract.errors import EncoderError

LISTS = ("suppress_ids", "suppress_ids_begin", "lang_ids")  # of config.json


def check_tokens(weights: Path, config: Mapping[str, Any], tokenizer: Path) -> None:
    """Refuse numbers of tokens beyond a model; weights or a tokenizer that cannot be read are told when they load.

    Args:
        weights: ``model.bin``.
        config: ``config.json`` beside it.
        tokenizer: ``tokenizer.json`` beside it.

    Raises:
        EncoderError: it names the first such number.
    """
    try:
        embeddings = read_variables(weights, DECODER).get(EMBEDDINGS)
        settings = read_settings(tokenizer)
    except EncoderError:
        return
    if embeddings is None or not embeddings.shape:
        return
    count = embeddings.shape[0]
    problem = next(_problems(count, config, settings), None)
    if problem:
        raise EncoderError(
            f"{weights.parent}: {problem}, {weights.name} has {count} tokens; do its files belong together? Get "
            "the whole folder again"
        )


def _problems(count: int, config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> Iterator[str]:
    for name in LISTS:
        numbers = config.get(name) or []
        for number in numbers if isinstance(numbers, list) else [numbers]:
            if type(number) is not int or not 0 <= number < count:
                yield f"{name} in its config.json names {str(number)[:60]!r}"
    for token, number in _vocabulary(tokenizer):
        if type(number) is int and number >= count:
            yield f"its tokenizer.json numbers {str(token)[:60]!r} {number}"


def _vocabulary(tokenizer: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
    words = model.get("vocab") if isinstance(model, dict) else None
    yield from words.items() if isinstance(words, dict) else ()
    for each in added if isinstance(added, list) else ():
        if isinstance(each, dict):
            yield each.get("content"), each.get("id")
