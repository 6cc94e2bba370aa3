"""Extraction, the GPU stage: clips in, a cache of frozen encoder outputs out, computed once.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extract.demo.corpus import make_demo
    from extract.encoders.base import Encoder, EncoderOptions
    from extract.encoders.lookup import load_encoder
    from extract.errors import ExtractError
    from extract.options import ExtractOptions
    from extract.run.extract import extract
    from extract.run.summary import Summary

_HOMES = {
    "Encoder": "encoders.base",
    "EncoderOptions": "encoders.base",
    "ExtractError": "errors",
    "ExtractOptions": "options",
    "Summary": "run.summary",
    "extract": "run.extract",
    "load_encoder": "encoders.lookup",
    "make_demo": "demo.corpus",
}

__all__ = [
    "Encoder",
    "EncoderOptions",
    "ExtractError",
    "ExtractOptions",
    "Summary",
    "extract",
    "load_encoder",
    "make_demo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'extract' has no attribute {name!r}")
    return getattr(import_module(f"extract.{_HOMES[name]}"), name)
