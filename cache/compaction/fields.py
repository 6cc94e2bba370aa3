"""Which frame fields the laptop cache keeps, how wide and of what dtype, and how large that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from cache.common.errors import CacheError
from cache.compaction.options import CompactOptions
from cache.format.schema import HIDDEN_STATES, FrameField
from cache.reader import CacheReader

NARROW = 16  # fields of up to so many channels (vad) are pooled only and keep 16 bits: nothing to save there
CLIP_BYTES = 400  # clip-level fields and commit record of one clip, roughly

# What --max-gb tries, from the most faithful on: halving the frame rate costs an LSTM less than losing axes.
LADDER = (
    *((1, 0), (2, 0), (2, 512), (3, 512), (5, 512), (5, 256), (8, 256)),
    *((5, 128), (10, 128), (10, 64), (20, 64), (50, 64), (50, 32)),
)


class Fields(Protocol):
    """What has frame fields: a cache that is read, or one that is being made."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def frame_fields(self) -> Mapping[str, FrameField]: ...  # noqa: D102


def chosen_fields(reader: Fields, layers: str) -> list[str]:
    """Return the frame fields that ``--layers`` keeps: some hidden states, and all that are none."""
    prefix = HIDDEN_STATES
    numbers = sorted(
        int(name.removeprefix(prefix)) for name in reader.frame_fields if name.startswith(prefix)
    )
    if layers == "last":
        kept = set(numbers[-1:])
    elif layers == "all":
        kept = set(numbers)
    else:
        kept = {int(text) for text in layers.split(",") if text.strip().isdecimal()}
        if not kept or not kept <= set(numbers):
            raise CacheError(
                f"--layers {layers}: {reader.path} holds layers {', '.join(map(str, numbers)) or '(none)'}; "
                "expected last, all, or some of these"
            )
    return [
        name
        for name in reader.frame_fields
        if not name.startswith(prefix) or int(name.removeprefix(prefix)) in kept
    ]


def is_projected(reader: Fields, name: str, options: CompactOptions) -> bool:
    """Say whether a field is wide enough to be projected."""
    return 0 < options.project < reader.frame_fields[name].width and reader.frame_fields[name].width > NARROW


def choose_for_size(reader: CacheReader, max_gb: float, options: CompactOptions) -> CompactOptions:
    """Return the most faithful pool and projection whose cache takes at most ``max_gb`` [10^9 bytes]."""
    for pool, project in LADDER:
        tried = replace(options, pool=pool, project=project)
        if predicted_bytes(reader, tried) <= max_gb * 1e9:
            return tried
    raise CacheError(
        f"--max-gb {max_gb:g}: even pool {LADDER[-1][0]} and project {LADDER[-1][1]} take "
        f"{predicted_bytes(reader, tried) / 1e9:.3f} GB"
    )


def predicted_bytes(reader: CacheReader, options: CompactOptions) -> int:
    """Return about how large the compact cache of these options will be."""
    lengths = np.array([reader.num_frames(clip_id) for clip_id in reader.clip_ids])
    windows = int((-(-lengths // options.pool)).sum())
    total = len(lengths) * CLIP_BYTES
    for name, field in compact_fields(reader, options).items():
        total += windows * field.bytes_per_frame
        total += len(lengths) * field.width * (4 + (4 if field.quantised else 0))
        total += reader.frame_fields[name].width * field.width * 4
    return total


def compact_fields(reader: Fields, options: CompactOptions) -> dict[str, FrameField]:
    """Return the frame fields of the compact cache."""
    fields = {}
    for name in chosen_fields(reader, options.layers):
        field = reader.frame_fields[name]
        narrow = field.width <= NARROW
        width = options.project if is_projected(reader, name, options) else field.width
        dtype = np.dtype(np.float16 if narrow else options.dtype)
        shift = field.frame_shift * options.pool
        fields[name] = replace(field, width=width, dtype=dtype, frame_shift=shift)
    return fields
