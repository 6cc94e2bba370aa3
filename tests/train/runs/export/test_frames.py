"""Frames inside a graph: what pads a clip is 0, windows are the cache's, int8 is turned back."""

from __future__ import annotations

import numpy as np
import pytest

from cache.compaction.projection import Axes, Projection, pool_frames
from cache.shards.quantise import dequantise, quantise
from train.runs.export.check import session_of
from train.runs.export.frames import Field, input_frames, input_widths
from train.runs.export.graph import Graph

FIELDS = (Field("hidden_states/2", 4, np.dtype(np.int8)), Field("vad", 3, np.dtype(np.float16)))


def run(kind, projection, inputs) -> np.ndarray:
    graph = Graph()
    frames = input_frames(graph, kind, FIELDS, projection)
    data = graph.model(frames.values, "y", ["clips", "time", frames.width], {})
    return session_of(data).run(None, inputs)[0]


def test_what_lies_behind_a_clip_becomes_0() -> None:
    given = np.full((2, 5, 7), np.nan, np.float32)
    given[0, :2], given[1] = 1.0, 2.0
    found = run("trained", None, {"frames": given, "lengths": np.array([2, 5])})
    assert (found[0, :2] == 1).all()
    assert (found[0, 2:] == 0).all()
    assert (found[1] == 2).all()


def test_stored_integers_are_turned_back() -> None:
    values = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    stored, scale, offset = quantise(values)
    inputs = {
        "hidden_states/2": stored[None],
        "scale/hidden_states/2": scale[None].astype(np.float32),
        "offset/hidden_states/2": offset[None].astype(np.float32),
        "vad": np.ones((1, 6, 3), np.float16),
        "lengths": np.array([6]),
    }
    found = run("stored", None, inputs)[0]
    np.testing.assert_allclose(found[:, :4], dequantise(stored, scale, offset), atol=1e-6)
    assert (found[:, 4:] == 1).all()


@pytest.mark.parametrize("pool", [1, 3, 50])
def test_windows_are_those_of_the_compact_cache(pool) -> None:
    rng = np.random.default_rng(0)
    axes = Axes(
        rng.normal(size=6).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32), np.ones(4), 6.0
    )
    projection = Projection(pool, {"hidden_states/2": axes})
    assert input_widths("full", FIELDS, projection) == {"hidden_states/2": 6, "vad": 3}
    assert input_widths("trained", FIELDS, projection) == {"hidden_states/2": 4, "vad": 3}
    lengths = [1, 3, 4, 11]
    given = np.full((4, 11, 9), np.nan, np.float32)
    for row, length in enumerate(lengths):
        given[row, :length] = rng.standard_normal((length, 9))
    found = run("full", projection, {"frames": given, "lengths": np.array(lengths)})
    for row, length in enumerate(lengths):
        hidden = projection.frames("hidden_states/2", given[row, :length, :6])
        expected = np.concatenate([hidden, pool_frames(given[row, :length, 6:], pool)], axis=1)
        np.testing.assert_allclose(found[row, : len(expected)], expected, atol=1e-5)
        assert (found[row, len(expected) :] == 0).all()
