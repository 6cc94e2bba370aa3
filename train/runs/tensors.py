"""Tensors and JSON values in one safetensors file: nothing is ever unpickled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cache.common.console import json_ready
from cache.common.foreign_json import parse_json
from train.checksums import require_regular
from train.errors import RunError
from train.files import replacing

METADATA = "emi_fusion"  # one key only: safetensors does not fix the order of several


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON values as one safetensors file, whole or not at all.

    Raises:
        StorageError: if the file cannot be written, for example on a full disk.
    """
    text = json.dumps(json_ready(dict(metadata)), ensure_ascii=False, allow_nan=False)
    with replacing(path) as aside:
        try:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
                aside,
                {METADATA: text},
            )
        except SafetensorError as error:
            raise _os_error(error) from None


def _os_error(error: SafetensorError) -> OSError:
    """Return what the library wraps: it tells the system's error number in words only."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number.group(1)), str(error)) if number else OSError(str(error))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the JSON values of a file that ``write_tensors`` wrote.

    Raises:
        RunError: if the file is missing, damaged, or written by something else.
    """
    if not path.exists():
        raise RunError(f"{path}: no such file; is this the folder of a finished run?")
    require_regular(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = parse_json((file.metadata() or {})[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path}: not a readable file of this project ({error})") from None
    return tensors, metadata
