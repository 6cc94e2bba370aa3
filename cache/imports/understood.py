"""What an import understands before it reads a number: layers, width, dtype, frame rate, and what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cache.commit.failures import Failure
from cache.common.errors import CacheError
from cache.format.recipe import IMPORT, Recipe
from cache.format.schema import FORMAT_VERSION, FrameField
from cache.imports.entry import STAGE, Entry, Sources
from cache.imports.layouts.columns import MIXED_SECONDS
from cache.imports.options import AUTO, HALF, SINGLE, UNITS, ImportOptions
from cache.imports.values import UnreadableError

MAX_CLIP_BYTES = 2 << 30
LOOKED_AT = 5  # clips whose time stamps tell the frame rate of all
VECTOR_SHIFT = 1.0  # seconds that a vector a clip is said to last: none is known
PRIMARY = "imported"  # key of the recipe


@dataclass(frozen=True)
class Understanding:
    """How the entries of sources are taken.

    Attributes:
        entries: those that fit, sorted by id.
        failures: those that do not, each with its reason.
        fields: frame fields of the cache.
        recipe: of the cache.
        frames: clip id → frames.
        lines: the same in words.
    """

    entries: tuple[Entry, ...]
    failures: tuple[Failure, ...]
    fields: tuple[FrameField, ...]
    recipe: Recipe
    frames: dict[str, int]
    lines: tuple[str, ...]


def understand(sources: Sources, options: ImportOptions, cached: Sequence[FrameField] = ()) -> Understanding:
    """Decide how entries are taken, from their shapes, the options, and the cache that is continued.

    Args:
        sources: what was found.
        options: what the user says.
        cached: frame fields of the cache that is continued: its width counts, not that of most.

    Raises:
        CacheError: nothing fits, or something must be said by the user: layers, width, frame shift.
    """
    layers = max(1, len(options.layers))
    shaped, failures = _shaped(sources, layers)
    if not shaped:
        first = next(iter(sorted(failures, key=lambda f: f.clip_id)), None)
        why = f"; the first of {len(failures)}: {first.clip_id}: {first.message}" if first else ""
        raise CacheError(f"no clip can be taken{why}")
    width = options.width or (cached[0].width if cached else _usual_width(shaped))
    kept = [(entry, frames) for entry, frames, found in shaped if found == width]
    failures += [
        _failure(entry, f"{found} numbers a frame, expected {width}", "wrong_shape")
        for entry, _, found in shaped
        if found != width
    ]
    if not kept:
        raise CacheError(
            f"no clip has {width} numbers a frame, found {_counts(f for _, _, f in shaped)}; see --width"
        )
    entries = tuple(entry for entry, _ in kept)
    dtype = _dtype(entries, options, cached)
    shift, how = _frame_shift(kept, options)
    fields = tuple(FrameField(name, width, dtype, shift) for name in options.fields)
    recipe = _recipe(sources, options, fields)
    lines = _lines(sources, kept, fields, how)
    return Understanding(entries, tuple(failures), fields, recipe, {e.clip_id: n for e, n in kept}, lines)


def frames_of(shape: tuple[int, ...], layers: int) -> tuple[int, int]:
    """Return frames and width that an array's shape means.

    ``(width,)`` is one frame; ``(frames, width)`` and ``(1, frames, width)`` are of one layer, and
    ``(layers, frames, width)`` of several.

    Raises:
        UnreadableError: it means neither, or there is no frame.
    """
    found = shape
    if len(shape) == 1 and layers == 1:
        shape = (1, 1, *shape)
    elif len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3:
        raise UnreadableError(f"an array {found}, expected (frames, width)", "wrong_shape")
    if shape[0] != layers:
        several = f"{shape[0]} layers of {shape[1]} frames? then --layer names them, such as 0-{shape[0] - 1}"
        why = several if layers == 1 else f"expected {layers} layers as --layer names them"
        raise UnreadableError(f"an array {found}, {why}", "wrong_shape")
    if not shape[1] or not shape[2]:
        raise UnreadableError(f"an array {found} has no frame", "no_frames")
    return shape[1], shape[2]


def _shaped(sources: Sources, layers: int) -> tuple[list[tuple[Entry, int, int]], list[Failure]]:
    shaped, failures = [], list(sources.failures)
    for entry in sources.entries:
        try:
            frames, width = frames_of(entry.values.shape, layers)
            if entry.values.num_bytes > MAX_CLIP_BYTES:
                raise UnreadableError(
                    f"an array {entry.values.shape}, more than 2 GiB for one clip", "wrong_shape"
                )
            shaped.append((entry, frames, width))
        except UnreadableError as error:
            failures.append(_failure(entry, str(error), error.reason))
    return shaped, failures


def _failure(entry: Entry, message: str, reason: str) -> Failure:
    return Failure(entry.clip_id, entry.shown, STAGE, reason, message)


def _usual_width(shaped: Sequence[tuple[Entry, int, int]]) -> int:
    widths = Counter(width for _, _, width in shaped).most_common()
    if len(widths) > 1 and widths[0][1] <= len(shaped) / 2:
        raise CacheError(
            f"no width that most clips have, found {_counts(w for _, _, w in shaped)}; say which with --width N, "
            "or with --key which array of a clip is meant"
        )
    return widths[0][0]


def _counts(widths: Iterator[int]) -> str:
    counts = Counter(widths).most_common()
    shown = [f"{width} numbers a frame ({count})" for width, count in counts[:4]]
    return ", ".join([*shown, *(["…"] if len(counts) > 4 else [])])


def _dtype(entries: Sequence[Entry], options: ImportOptions, cached: Sequence[FrameField]) -> np.dtype[Any]:
    if options.dtype != AUTO:
        return np.dtype(options.dtype)
    held = [*(entry.values.dtype for entry in entries), *(field.dtype for field in cached)]
    return np.dtype(HALF if all(dtype == np.float16 for dtype in held) else SINGLE)


def _frame_shift(kept: Sequence[tuple[Entry, int]], options: ImportOptions) -> tuple[float, str]:
    """Return the seconds between frames, and in words how they are known."""
    if options.frame_shift is not None:
        return options.frame_shift, "as --frame-shift says"
    timed = [entry for entry, frames in kept if entry.values.times and frames > 1]
    steps = [step for entry in timed[:LOOKED_AT] for step in _steps(entry)]
    if steps:
        shift = round(float(np.median(steps)) * UNITS[options.time_unit], 6)
        if not 0 < shift <= MIXED_SECONDS:
            raise CacheError(
                f"{timed[0].shown}: time stamps {shift:g} s apart, expected more than 0 and at most "
                f"{MIXED_SECONDS:g}; --time-unit ms says that they are milliseconds, --frame-shift what they are"
            )
        return shift, "by the time stamps"
    if all(frames == 1 for _, frames in kept):
        return VECTOR_SHIFT, "of a vector a clip nothing says how long it lasts"
    raise CacheError(
        "the features do not say how many seconds lie between two frames; say so with --frame-shift, such as 0.02 "
        "for wav2vec 2.0, HuBERT and WavLM"
    )


def _steps(entry: Entry) -> list[float]:
    try:
        times = entry.values.times() if entry.values.times else np.zeros(0)
    except UnreadableError:
        return []
    steps: list[float] = np.diff(times[np.isfinite(times)]).tolist()
    return steps


def _recipe(sources: Sources, options: ImportOptions, fields: Sequence[FrameField]) -> Recipe:
    imported = {
        "layout": "+".join(sorted(sources.layouts)),
        "key": options.key or "",
        "frame_shift": fields[0].frame_shift,
        **({"segments": True} if options.segments else {}),
    }
    return Recipe(
        {
            "format_version": FORMAT_VERSION,
            "derived": IMPORT,
            "model": options.encoder or "not named",
            PRIMARY: imported,
            "stored_dtype": {field.name: field.dtype.name for field in fields},
            "width": fields[0].width,
        }
    )


def _lines(
    sources: Sources, kept: Sequence[tuple[Entry, int]], fields: Sequence[FrameField], how: str
) -> tuple[str, ...]:
    lengths = sorted(frames for _, frames in kept)
    files = ", ".join(f"{count} {name}" for name, count in sorted(sources.layouts.items()))
    dtypes = Counter(entry.values.dtype.name for entry, _ in kept)
    found = ", ".join(f"{dtype} ({count})" for dtype, count in dtypes.most_common())
    shapes = Counter(len(entry.values.shape) for entry, _ in kept)
    axes = {1: "vectors", 2: "(frames, width)", 3: "(layers, frames, width)"}
    kinds = ", ".join(f"{axes[rank]} ({count})" for rank, count in sorted(shapes.items()))
    first = fields[0]
    return (
        f"files: {files}; {sources.passed} others passed over",
        f"clips: {len(kept)}, such as {', '.join(entry.clip_id for entry, _ in kept[:3])}",
        f"arrays: {kinds}; {found}",
        f"frames: {lengths[0]} to {lengths[-1]} a clip, {sum(lengths)} in all; {first.width} numbers each, stored "
        f"as {first.dtype.name}",
        f"one frame every {first.frame_shift * 1000:g} ms, {how}",
        f"fields: {', '.join(field.name for field in fields)}",
    )
