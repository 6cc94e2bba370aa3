"""The index of a checkpoint in several files: which they are; no name in it leads out of its folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cache.common.foreign_json import ForeignJsonError, parse_json
from extract.errors import EncoderError

INDEX = ".index.json"
FILE_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,199}")
MAX_BYTES = 1 << 26


def read_settings(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of an encoder's folder; a link, as the hub's own cache has, is followed.

    Raises:
        EncoderError: it is none, too large, or nested too deeply.
    """
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise EncoderError(f"{path}: no regular file of at most {MAX_BYTES >> 20} MB")
        value: dict[str, Any] = parse_json(path.read_bytes())
    except (OSError, ForeignJsonError) as error:
        raise EncoderError(f"{path}: not readable as JSON ({error})") from None
    return value


def weight_file_names(index: Path) -> list[str]:
    """Return the names of the files with weights that an index knows, as ``save_pretrained`` writes it.

    Raises:
        EncoderError: it is no such index, or names a file elsewhere or of another kind.
    """
    names = read_settings(index).get("weight_map")
    suffix = Path(index.name.removesuffix(INDEX)).suffix
    if not isinstance(names, dict) or not names:
        raise EncoderError(
            f"{index}: expected 'weight_map', an object of weight → file, found {_kind(names)}"
        )
    for name in names.values():
        if not isinstance(name, str) or not FILE_NAME.fullmatch(name) or not name.endswith(suffix):
            raise EncoderError(
                f"{index}: {str(name)[:100]!r} is no file with weights beside it (*{suffix}); "
                "get the checkpoint again"
            )
    return sorted(set(names.values()))


def _kind(value: object) -> str:
    return "none" if value is None else f"{type(value).__name__} {str(value)[:50]}"
