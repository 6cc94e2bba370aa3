"""Inside a graph, the vector that sums up a clip: its mean, statistics of its frames, or of their components too.

The same numbers as ``train.features.statistics`` and ``train.features.components`` give, for all clips of a batch
at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.config import COMPONENTS, STATISTICS
from train.features.components import PARTS
from train.features.statistics import QUANTILES
from train.heads.head import FusionHead
from train.runs.export.frames import Frames
from train.runs.export.graph import Graph, Value


def clip_vector(graph: Graph, frames: Frames, kind: str, head: FusionHead) -> Value:
    """Return (clips, clip width) float32.

    Args:
        graph: gets the operators.
        frames: as the head takes them, not standardised.
        kind: what the config calls ``clip_vector``.
        head: holds the axes of the components, where the vector has them.
    """
    if kind not in (STATISTICS, COMPONENTS):
        return _mean(graph, frames.values, _count(graph, frames.lengths))
    found = _statistics(graph, frames)
    if kind == STATISTICS:
        return found
    axes = head.components
    moved = graph.op("Sub", frames.values, graph.constant(axes.mean))
    scaled = graph.op("Div", moved, graph.constant(axes.deviation))
    turned = graph.op("MatMul", scaled, graph.constant(axes.axes))
    width = axes.axes.shape[1]
    components = replace(frames, values=frames.masked(graph, turned), width=width)
    parts = graph.reshape(_means_of_parts(graph, components), 0, PARTS * width)
    return graph.op("Concat", found, _statistics(graph, components), parts, axis=1)


def _count(graph: Graph, lengths: Value) -> Value:
    """Return (clips, 1) float32."""
    return graph.insert(graph.cast(lengths, np.float32), 1)


def _mean(graph: Graph, values: Value, count: Value) -> Value:
    """Return (clips, width) of values that are 0 where they do not count."""
    return graph.op("Div", graph.total(values, 1), count)


def _deviation(graph: Graph, frames: Frames, mean: Value, count: Value) -> Value:
    """Return the standard deviation (clips, width), in a second pass over the frames as numpy does it."""
    moved = frames.masked(graph, graph.op("Sub", frames.values, graph.insert(mean, 1)))
    return graph.op("Sqrt", _mean(graph, graph.op("Mul", moved, moved), count))


def _statistics(graph: Graph, frames: Frames) -> Value:
    """Return (clips, statistics · width), in the order of ``train.features.statistics.of_frames``."""
    count = _count(graph, frames.lengths)
    mean = _mean(graph, frames.values, count)
    parts = [mean, _deviation(graph, frames, mean, count), _quantiles(graph, frames), *_steps(graph, frames)]
    return graph.op("Concat", *parts, axis=1)


def _quantiles(graph: Graph, frames: Frames) -> Value:
    """Return (clips, quantiles · width): between the two ordered values on either side, by their distance."""
    # Behind each clip infinity: it comes last in the order.
    ordered = graph.several(
        "TopK",
        [frames.masked(graph, frames.values, np.inf), graph.size(frames.values, 1)],
        2,
        axis=1,
        largest=0,
        sorted=1,
    )[0]
    last = graph.cast(graph.op("Sub", frames.lengths, graph.constant(1, np.int64)), np.float64)
    where = graph.op(
        "Mul", graph.insert(last, 1), graph.constant(QUANTILES, np.float64)
    )  # (clips, quantiles)
    below, above = graph.op("Floor", where), graph.op("Ceil", where)
    share = graph.insert(graph.cast(graph.op("Sub", where, below), np.float32), 2)
    low, high = (_taken(graph, ordered, each, frames.width) for each in (below, above))
    rest = graph.op("Sub", graph.constant(1.0), share)
    values = graph.op("Add", graph.op("Mul", low, rest), graph.op("Mul", high, share))
    return graph.reshape(values, 0, len(QUANTILES) * frames.width)


def _taken(graph: Graph, ordered: Value, where: Value, width: int) -> Value:
    """Return (clips, positions, width) of ordered (clips, frames, width) those at ``where`` (clips, positions)."""
    rows = graph.insert(graph.cast(where, np.int64), 2)
    index = graph.op("Expand", rows, graph.constant([1, 1, width], np.int64))
    return graph.op("GatherElements", ordered, index, axis=1)


def _steps(graph: Graph, frames: Frames) -> list[Value]:
    """Return the mean size of the steps from frame to frame, and their deviation, each (clips, width)."""
    one = graph.constant(1, np.int64)
    shorter = graph.op("Sub", frames.lengths, one)
    # One step fewer than frames: the last frame follows itself, and that step does not count.
    after = graph.slice(frames.values, 1, np.iinfo(np.int64).max, 1)
    followed = graph.op("Concat", after, graph.slice(frames.values, -1, np.iinfo(np.int64).max, 1), axis=1)
    steps = graph.op("Sub", followed, frames.values)
    time = graph.times(graph.size(frames.values, 1))
    valid = graph.insert(graph.op("Less", time, graph.insert(shorter, 1)), 2)
    found = replace(frames, lengths=shorter, valid=valid)
    found = replace(found, values=found.masked(graph, steps))
    count = _count(graph, graph.op("Max", shorter, one))
    size = _mean(graph, graph.op("Abs", found.values), count)
    return [size, _deviation(graph, found, _mean(graph, found.values, count), count)]


def _means_of_parts(graph: Graph, frames: Frames) -> Value:
    """Return (clips, parts, width): the mean of each part; of a very short clip, the frame where a part lies."""
    one = graph.constant(1, np.int64)
    length = graph.insert(frames.lengths, 1)
    share = graph.constant([part / PARTS for part in range(PARTS + 1)], np.float64)
    # Half a frame goes to the even side, here as in numpy.
    ends = graph.cast(graph.op("Round", graph.op("Mul", graph.cast(length, np.float64), share)), np.int64)
    start, end = graph.slice(ends, 0, PARTS, 1), graph.slice(ends, 1, PARTS + 1, 1)
    first = graph.op("Min", start, graph.op("Sub", length, one))
    behind = graph.op("Min", graph.op("Max", end, graph.op("Add", start, one)), length)
    time = graph.insert(graph.times(graph.size(frames.values, 1)), 0)  # (1, 1, frames)
    begun = graph.op("Not", graph.op("Less", time, graph.insert(first, 2)))
    within = graph.op("And", begun, graph.op("Less", time, graph.insert(behind, 2)))
    sums = graph.op("MatMul", graph.cast(within, np.float32), frames.values)
    count = graph.cast(graph.op("Sub", behind, first), np.float32)
    return graph.op("Div", sums, graph.insert(count, 2))
