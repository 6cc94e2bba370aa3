"""What a speech encoder is, in words and hashes: its part of the cache's recipe, and its licence."""

from __future__ import annotations

from typing import Any

from cache.format.schema import VAD_DIMS
from extract.encoders.base import WHOLE_SECONDS
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.layout import Layout

CONTEXT_SECONDS = 10.0  # at either end of a window over a long clip, computed and thrown away
CHUNKING = (
    f"convolutions exact; attention over the whole clip up to {WHOLE_SECONDS:g} s, beyond that over windows of "
    f"{WHOLE_SECONDS:g} s with {CONTEXT_SECONDS:g} s of context at either end (approximate)"
)
STD_FLOOR = 1e-6  # added to a standard deviation that a config gives
LICENCE = (
    "as the authors of the encoder's weights state it; those published by audEERING are CC BY-NC-SA 4.0 "
    "(research only, share alike, name the authors)"
)


def speech_recipe(files: ModelFiles, layout: Layout, weights_sha256: str, precision: str) -> dict[str, Any]:
    """Return a speech encoder's part of the cache's recipe."""
    return {
        "model": files.model,
        "revision": files.revision,
        "weights_sha256": weights_sha256,
        "config_sha256": layout.config_sha256(),
        "layers": list(layout.layers),
        "vad": [] if layout.vad_order is None else list(VAD_DIMS),
        "normalisation": _normalisation(files, layout),
        "precision": precision,
    }


def _normalisation(files: ModelFiles, layout: Layout) -> str:
    if "mean" in layout.head_values:
        return "mean {mean:g} and standard deviation {std:g} of the encoder's config".format(
            **layout.head_values
        )
    return "zero mean, unit variance per clip" if files.normalise else "none"
