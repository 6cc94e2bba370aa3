"""Looks at settings in a recogniser's weights that, if they were wrong, would end the process and not the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extract.encoders.whisper.model_bin import DECODER, EMBEDDINGS, Variable, read_number, read_variables
from extract.errors import EncoderError
from extract.transcripts.asr.model_files import CONFIG

LAYER = re.compile(rf"{DECODER}layer_\d+/")


def check_decoder(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a decoder whose heads do not fit its layers: CTranslate2 would read beyond its memory.

    Args:
        path: ``model.bin``.
        config: ``config.json`` beside it.

    Raises:
        EncoderError: it is no whole Whisper, or a setting points to what there is not.
    """
    variables = read_variables(path, DECODER)
    layers = len({found[0] for name in variables if (found := LAYER.match(name))})
    width = variables[EMBEDDINGS].shape[-1] if EMBEDDINGS in variables else 0
    heads = _setting(path, variables, "num_heads", 1)
    layer, aligned = (
        _setting(path, variables, f"alignment_{n}", d) for n, d in (("layer", -1), ("heads", 1))
    )
    wrong = []
    if heads < 1 or width % heads:
        wrong.append(f"num_heads is {heads}, expected a divisor of the width, {width}")
    if not -layers <= layer < layers:
        wrong.append(f"alignment_layer is {layer}, expected one of {layers}")
    if not 1 <= aligned <= max(heads, 1):
        wrong.append(f"alignment_heads is {aligned}, expected 1 to {heads}")
    if not all(0 <= where < layers and 0 <= head < heads for where, head in _pairs(config)):
        wrong.append(f"alignment_heads of {CONFIG} name no head of {layers} layers of {heads}")
    if wrong:
        raise EncoderError(f"{path}: a damaged decoder ({'; '.join(wrong)}); copy the folder again")


def _setting(path: Path, variables: Mapping[str, Variable], name: str, otherwise: int) -> int:
    variable = variables.get(DECODER + name)
    return otherwise if variable is None else read_number(path, variable)


def _pairs(config: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the layer and number of each head that aligns words; one that is none lies nowhere."""
    given = config.get("alignment_heads") or []
    for pair in given if isinstance(given, list) else [None]:
        match pair:
            case [int(layer), int(head)] if bool not in (type(layer), type(head)):
                yield layer, head
            case _:
                yield -1, -1
