"""The two libraries of ONNX files, loaded when they are needed; where one is missing, a line names the extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from train.errors import RunError


def library(name: str) -> Any:
    """Return the module ``name``.

    Raises:
        RunError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise RunError(
            f"{name}: cannot be imported ({error}); ONNX files need it: pip install 'emi-fusion[onnx]'"
        ) from None
