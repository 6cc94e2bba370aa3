"""Extraction, the GPU stage: clips in, a cache of frozen encoder outputs out, computed once.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from extract.demo.corpus import make_demo
    from extract.encoders.base import Encoder, EncoderOptions
    from extract.encoders.lookup import load_encoder
    from extract.errors import ExtractError
    from extract.options import ExtractOptions
    from extract.run.extract import extract
    from extract.run.like import options_like
    from extract.run.summary import Summary

__all__ = [
    "Encoder",
    "EncoderOptions",
    "ExtractError",
    "ExtractOptions",
    "Summary",
    "extract",
    "load_encoder",
    "make_demo",
    "options_like",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "demo.corpus": ("make_demo",),
        "encoders.base": ("Encoder", "EncoderOptions"),
        "encoders.lookup": ("load_encoder",),
        "errors": ("ExtractError",),
        "options": ("ExtractOptions",),
        "run.extract": ("extract",),
        "run.like": ("options_like",),
        "run.summary": ("Summary",),
    },
)
