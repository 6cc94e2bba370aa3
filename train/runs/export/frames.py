"""The first steps of a graph: from its inputs to the frames that a head takes, padding set to 0.

Three kinds of input: frames as the head was trained on them; those of an int8 cache as they are stored, with
their scales and offsets; or those of the full cache that a compact one was made from, pooled and projected here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cache.compaction.projection import Projection
from train.runs.export.graph import Graph, Value
from train.runs.export.options import FULL, STORED

CLIPS, TIME = "clips", "frames"  # names of the axes that vary


@dataclass(frozen=True)
class Field:
    """A frame field of what a head was trained on.

    Attributes:
        name: in the cache.
        width: channels that the head takes of it.
        dtype: as the cache stores it.
    """

    name: str
    width: int
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class Frames:
    """Frames inside a graph.

    Attributes:
        values: (clips, frames, width) float32, 0 behind each clip.
        lengths: (clips,) int64.
        valid: (clips, frames, 1) bool.
        width: channels.
    """

    values: Value
    lengths: Value
    valid: Value
    width: int

    def masked(self, graph: Graph, values: Value, other: float = 0.0) -> Value:
        """Return (clips, frames, …) with ``other`` behind each clip, whatever stood there."""
        return graph.op("Where", self.valid, values, graph.constant(other))


def input_frames(graph: Graph, kind: str, fields: Sequence[Field], projection: Projection | None) -> Frames:
    """Add the inputs of a kind to a graph and return the frames that the head takes.

    Args:
        graph: gets the inputs: ``frames`` (clips, frames, width) float32 and ``lengths`` (clips,) int64; for
            ``STORED`` one for each field in its stored dtype, and ``scale/…`` and ``offset/…`` (clips, channels)
            of those that are int8; for ``FULL`` frames and lengths of the full cache.
        kind: one of ``KINDS``.
        fields: of what the head was trained on, in the order in which they are joined.
        projection: of a compact cache.
    """
    if kind == FULL and projection is not None:
        return _projected(graph, fields, projection)
    if kind == STORED:
        values = [_stored(graph, field) for field in fields]
        joined = graph.op("Concat", *values, axis=2) if len(values) > 1 else values[0]
    else:
        joined = graph.input("frames", np.float32, [CLIPS, TIME, sum(field.width for field in fields)])
    lengths = graph.input("lengths", np.int64, [CLIPS])
    return masked_frames(graph, joined, lengths, sum(field.width for field in fields))


def input_widths(kind: str, fields: Sequence[Field], projection: Projection | None) -> dict[str, int]:
    """Return the channels of each field as the inputs have them."""
    axes = projection.axes if kind == FULL and projection is not None else {}
    full = {name: len(each.basis) for name, each in axes.items()}
    return {field.name: full.get(field.name, field.width) for field in fields}


def masked_frames(graph: Graph, values: Value, lengths: Value, width: int) -> Frames:
    """Return values (clips, frames, width) as frames, 0 behind each clip's length."""
    valid = _valid(graph, graph.size(values, 1), lengths)
    kept = graph.op("Where", valid, values, graph.constant(0.0))
    return Frames(kept, lengths, valid, width)


def _valid(graph: Graph, time: Value, lengths: Value) -> Value:
    """Return (clips, time, 1) bool: whether a frame is within its clip; ``time`` is (1,)."""
    return graph.insert(graph.op("Less", graph.times(time), graph.insert(lengths, 1)), 2)


def _stored(graph: Graph, field: Field) -> Value:
    values = graph.input(field.name, field.dtype, [CLIPS, TIME, field.width])
    numbers = graph.cast(values, np.float32)
    if field.dtype != np.int8:
        return numbers
    scale, offset = (
        graph.insert(graph.input(f"{name}/{field.name}", np.float32, [CLIPS, field.width]), 1)
        for name in ("scale", "offset")
    )
    return graph.op("Add", graph.op("Mul", numbers, scale), offset)


def _projected(graph: Graph, fields: Sequence[Field], projection: Projection) -> Frames:
    """Return the frames of a compact cache from those of its full one: mean over windows, then projection."""
    widths = input_widths(FULL, fields, projection)
    given = graph.input("frames", np.float32, [CLIPS, TIME, sum(widths.values())])
    full = masked_frames(graph, given, graph.input("lengths", np.int64, [CLIPS]), sum(widths.values()))
    pooled = _pooled(graph, full, projection.pool) if projection.pool > 1 else full
    parts, first = [], 0
    for field in fields:
        part = graph.slice(pooled.values, first, first + widths[field.name], 2)
        first += widths[field.name]
        axes = projection.axes.get(field.name)
        if axes is not None:
            moved = graph.op("Sub", part, graph.constant(axes.mean))
            part = graph.op("MatMul", moved, graph.constant(axes.basis))
        parts.append(part)
    joined = graph.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    return masked_frames(graph, joined, pooled.lengths, sum(field.width for field in fields))


def _pooled(graph: Graph, full: Frames, pool: int) -> Frames:
    """Return means over windows of ``pool`` frames; the last one of a clip is over what is left of it."""
    window = graph.constant([pool], np.int64)
    one = graph.constant([1], np.int64)

    def windows(count: Value) -> Value:
        return graph.op("Div", graph.op("Sub", graph.op("Add", count, window), one), window)

    time = graph.size(full.values, 1)
    whole = windows(time)
    lacking = graph.op("Sub", graph.op("Mul", whole, window), time)
    none = graph.constant([0, 0, 0, 0], np.int64)
    pads = graph.op("Concat", none, lacking, graph.constant([0], np.int64), axis=0)
    padded = graph.op("Pad", full.values, pads)
    shape = graph.op(
        "Concat",
        graph.size(full.values, 0),
        whole,
        graph.constant([pool, full.width], np.int64),
        axis=0,
    )
    sums = graph.total(graph.op("Reshape", padded, shape), 2)
    begun = graph.op("Mul", graph.times(whole), window)
    left = graph.op("Sub", graph.insert(full.lengths, 1), begun)
    held = graph.op("Max", graph.op("Min", left, window), one)  # beyond the end: 1, never 0
    means = graph.op("Div", sums, graph.insert(graph.cast(held, np.float32), 2))
    lengths = windows(full.lengths)
    return Frames(means, lengths, _valid(graph, whole, lengths), full.width)
