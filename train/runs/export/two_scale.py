"""Attention at two scales as ONNX operators."""

from __future__ import annotations

from typing import cast

import numpy as np
from torch import nn

from train.heads.temporal.two_scale import WINDOW, TwoScaleAttention, TwoScaleLayer
from train.runs.export.frames import Frames
from train.runs.export.graph import Graph, Value


def write_two_scale(graph: Graph, model: TwoScaleAttention, frames: Frames) -> Value:
    """Return (clips, hidden): the weighted mean of what the layers make of the frames."""
    padded = _whole_windows(graph, frames.values)
    valid = graph.op("Less", graph.times(graph.size(padded, 1)), graph.insert(frames.lengths, 1))
    seen = graph.linear(padded, model.project)
    for layer in model.layers:
        seen = _layer(graph, cast(TwoScaleLayer, layer), seen, valid)
    behind = graph.op("Not", graph.insert(valid, 2))
    scores = graph.op("Where", behind, graph.constant(-np.inf), graph.linear(seen, model.score))
    return graph.total(graph.op("Mul", graph.op("Softmax", scores, axis=1), seen), 1)


def _whole_windows(graph: Graph, values: Value) -> Value:
    """Return (clips, frames, width) with as many frames more as whole windows lack."""
    window = graph.constant([WINDOW], np.int64)
    over = graph.op("Mod", graph.size(values, 1), window)
    lacking = graph.op("Mod", graph.op("Sub", window, over), window)
    none = graph.constant([0, 0, 0, 0], np.int64)
    pads = graph.op("Concat", none, lacking, graph.constant([0], np.int64), axis=0)
    return graph.op("Pad", values, pads)


def _layer(graph: Graph, layer: TwoScaleLayer, frames: Value, valid: Value) -> Value:
    """Return (clips, frames, hidden) of as many frames, whole windows of them; ``valid`` is (clips, frames)."""
    hidden = layer.ask.in_features
    windows = graph.reshape(frames, 0, -1, WINDOW, hidden)
    held = graph.reshape(valid, 0, -1, WINDOW)
    asked = graph.linear(graph.op("Add", windows, graph.constant(layer.places)), layer.local)
    parts = [graph.slice(asked, place * hidden, (place + 1) * hidden, 3) for place in range(3)]
    alone = graph.constant(np.eye(WINDOW, dtype=bool), np.bool_)
    near = _attention(graph, layer.heads, parts, graph.op("Or", graph.insert(held, 2, 3), alone), rank=4)
    count = graph.total(graph.cast(held, np.float32), 2, keep=True)
    kept = graph.op("Mul", windows, graph.insert(graph.cast(held, np.float32), 3))
    means = graph.op("Div", graph.total(kept, 2), graph.op("Max", count, graph.constant(1.0)))
    answers = graph.linear(means, layer.answer)
    asking = [graph.linear(frames, layer.ask)]
    asking += [graph.slice(answers, place * hidden, (place + 1) * hidden, 2) for place in range(2)]
    begun = graph.op("Greater", graph.op("Transpose", count, perm=[0, 2, 1]), graph.constant(0.0))
    far = _attention(graph, layer.heads, asking, graph.insert(begun, 1), rank=3)
    both = graph.op("Concat", graph.reshape(near, 0, -1, hidden), far, axis=2)
    frames = _norm(graph, graph.op("Add", frames, graph.linear(both, layer.join)), layer.norm_attention)
    inner = graph.linear(graph.op("Relu", graph.linear(frames, layer.widen)), layer.narrow)
    return _norm(graph, graph.op("Add", frames, inner), layer.norm_network)


def _attention(graph: Graph, heads: int, parts: list[Value], mask: Value, *, rank: int) -> Value:
    """Return (…, queries, hidden) of queries, keys and values of ``rank`` axes; ``mask`` says which keys count."""
    before = list(range(rank - 2))
    swapped = [*before, rank - 1, rank - 2, rank]
    split = [graph.reshape(each, *[0] * (rank - 1), heads, -1) for each in parts]
    query, value = (graph.op("Transpose", split[place], perm=swapped) for place in (0, 2))
    key = graph.op("Transpose", split[1], perm=[*before, rank - 1, rank, rank - 2])
    # As long as a query of one head: its last axis.
    size = graph.op("Sqrt", graph.cast(graph.size(query, rank), np.float32))
    scores = graph.op("Div", graph.op("MatMul", query, key), size)
    weights = graph.op("Softmax", graph.op("Where", mask, scores, graph.constant(-np.inf)), axis=-1)
    found = graph.op("Transpose", graph.op("MatMul", weights, value), perm=swapped)
    return graph.reshape(found, *[0] * (rank - 1), -1)


def _norm(graph: Graph, values: Value, norm: nn.LayerNorm) -> Value:
    weights = [graph.constant(each) for each in (norm.weight, norm.bias)]
    return graph.op("LayerNormalization", values, *weights, axis=-1, epsilon=norm.eps)
