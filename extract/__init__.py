"""The GPU stage of clips → extract → cache → train → intensities: frozen encoder outputs, computed once.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from extract.demo.corpus import make_demo
    from extract.encoders import load_encoder
    from extract.encoders.base import Encoder, EncoderOptions
    from extract.errors import ExtractError
    from extract.options import ExtractOptions
    from extract.run.pipeline import extract
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
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "demo.corpus": ("make_demo",),
        "encoders": ("load_encoder",),
        "encoders.base": ("Encoder", "EncoderOptions"),
        "errors": ("ExtractError",),
        "options": ("ExtractOptions",),
        "run.pipeline": ("extract",),
        "run.summary": ("Summary",),
    },
)
