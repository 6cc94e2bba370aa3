"""A graph holds equal constants and equal operators once, and its file is what onnx calls valid."""

from __future__ import annotations

import numpy as np
import onnx
import torch

from train.runs.export.check import session_of
from train.runs.export.graph import Graph


def test_equal_operators_and_constants_stand_once() -> None:
    graph = Graph()
    value = graph.input("x", np.float32, ["clips", 3])
    assert graph.constant([1.0, 2.0, 3.0]) == graph.constant(torch.tensor([1.0, 2.0, 3.0]))
    assert graph.constant(1.0) != graph.constant([1.0])  # a number and a vector of one
    assert graph.op("Add", value, graph.constant(1.0)) == graph.op("Add", value, graph.constant(1.0))
    assert graph.op("Softmax", value, axis=0) != graph.op("Softmax", value, axis=1)


def test_what_it_computes() -> None:
    graph, layer = Graph(), torch.nn.Linear(3, 2)
    value = graph.input("x", np.float32, ["clips", 3])
    sums = graph.total(graph.linear(value, layer), 1, keep=True)
    taken = graph.slice(value, 1, 3, 1)
    times = graph.cast(graph.times(graph.size(value, 1)), np.float32)  # 0, 1, 2
    joined = graph.op(
        "Concat", sums, taken, graph.op("Add", graph.op("Mul", value, graph.constant(0.0)), times), axis=1
    )
    data = graph.model(joined, "y", ["clips", 6], {"what": "a test"})
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = session_of(data).run(None, {"x": given})[0]
    with torch.no_grad():
        expected = layer(torch.from_numpy(given)).sum(1, keepdim=True).numpy()
    np.testing.assert_allclose(found[:, :1], expected, rtol=1e-5)
    np.testing.assert_array_equal(found[:, 1:3], given[:, 1:])
    np.testing.assert_array_equal(found[:, 3:], np.tile([0, 1, 2], (4, 1)))
    assert {each.key: each.value for each in onnx.load_from_string(data).metadata_props} == {"what": "a test"}


def test_a_scan_takes_a_step_for_each_part_along_the_first_axis() -> None:
    graph = Graph()
    value, first = graph.input("x", np.float32, ["steps", 2]), graph.input("first", np.float32, [2])

    def step(body: Graph, state: str, given: str) -> tuple[str, str]:
        after = body.op("Add", state, given)
        return after, body.op("Mul", after, body.constant(10.0))

    data = graph.model(graph.scan(step, first, [value]), "y", ["steps", 2], {})
    given = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = session_of(data).run(None, {"x": given, "first": np.ones(2, np.float32)})[0]
    np.testing.assert_array_equal(found, 10 * (1 + given.cumsum(0)))
