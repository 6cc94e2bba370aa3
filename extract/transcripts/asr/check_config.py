"""Refuses a config.json or tokenizer that names tokens, layers or heads which a Whisper's weights do not have.

CTranslate2 takes such numbers as they are, reads and writes beside its memory, and ends the process. Files of two
models in one folder are enough for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extract.encoders.whisper.model_bin import DecoderSizes, decoder_sizes
from extract.errors import EncoderError

HEADS, TOKENS = "alignment_heads", ("suppress_ids", "suppress_ids_begin", "lang_ids")


def require_in_range(config: Mapping[str, Any], weights: Path, vocabulary: Mapping[str, int]) -> None:
    """Refuse numbers beyond a model.

    Args:
        config: its config.json.
        weights: its model.bin.
        vocabulary: token → number, of its tokenizer.

    Raises:
        EncoderError: it names the first such number.
    """
    sizes = decoder_sizes(weights)
    problem = next(_problems(config, sizes, vocabulary), None)
    if problem:
        raise EncoderError(
            f"{weights.parent}: {problem}; do its files belong together? Get the whole folder again"
        )


def _problems(config: Mapping[str, Any], sizes: DecoderSizes, vocabulary: Mapping[str, int]) -> Iterator[str]:
    pairs = config.get(HEADS)
    if not isinstance(pairs, list) or not pairs:
        yield f"{HEADS} in its config.json is {str(pairs)[:60]}, expected pairs of a layer and a head"
        return
    for pair in pairs:
        two = isinstance(pair, list) and len(pair) == 2
        if not two or not _below(pair[0], sizes.layers) or not _below(pair[1], sizes.heads):
            yield (
                f"{HEADS} in its config.json names {str(pair)[:60]}, model.bin has {sizes.layers} layers of "
                f"{sizes.heads} heads"
            )
    for name in TOKENS:
        numbers = config.get(name) or []
        listed = numbers if isinstance(numbers, list) else [numbers]
        wrong = [number for number in listed if not _below(number, sizes.tokens)]
        if wrong:
            yield f"{name} in its config.json names token {str(wrong[0])[:60]}, model.bin has {sizes.tokens}"
    token, number = max(vocabulary.items(), key=lambda item: item[1], default=("", -1))
    if number >= sizes.tokens:
        yield f"its tokenizer.json numbers {token[:60]!r} {number}, model.bin has {sizes.tokens} tokens"


def _below(number: Any, count: int) -> bool:
    return type(number) is int and 0 <= number < count
