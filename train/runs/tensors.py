"""Tensors and JSON values in one safetensors file: nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cache.common.console import json_ready
from train.errors import RunError
from train.files import replacing

METADATA = "emi_fusion"  # one key only: safetensors does not fix the order of several


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON values as one safetensors file, whole or not at all."""
    text = json.dumps(json_ready(dict(metadata)), ensure_ascii=False, allow_nan=False)
    with replacing(path) as aside:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            aside,
            {METADATA: text},
        )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the JSON values of a file that ``write_tensors`` wrote.

    Raises:
        RunError: if the file is missing, damaged, or written by something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; is this the folder of a finished run?") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path}: not a readable file of this project ({error})") from None
    return tensors, metadata
