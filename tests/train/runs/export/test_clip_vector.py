"""The vector that sums up a clip, computed inside a graph, is the one that training takes from the cache."""

from __future__ import annotations

import numpy as np
import pytest

from train.features.components import of_components
from train.features.statistics import of_frames
from train.runs.export.check import session_of
from train.runs.export.clip_vector import clip_vector
from train.runs.export.frames import Field, input_frames
from train.runs.export.graph import Graph

# With 1 to 4 frames parts overlap; at 2, 6 and 10 half a frame is rounded.
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 50, 333]


@pytest.mark.parametrize("kind", ["mean", "statistics", "components"])
def test_it_is_the_same_for_every_length(make_run, kind) -> None:
    head = make_run(clip_vector=kind, vad=False).head
    graph = Graph()
    frames = input_frames(graph, "trained", (Field("x", 9, np.dtype(np.float32)),), None)
    data = graph.model(clip_vector(graph, frames, kind, head), "y", ["clips", "values"], {})
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal((length, 9)).astype(np.float32) + 3 for length in LENGTHS]
    given = np.full((len(clips), max(LENGTHS), 9), np.nan, np.float32)
    for row, values in enumerate(clips):
        values[:, 0] = values[:, 0].round()  # equal values among those that are ordered
        given[row, : len(values)] = values
    found = session_of(data).run(None, {"frames": given, "lengths": np.array(LENGTHS)})[0]
    expected = [values.mean(0) if kind == "mean" else of_frames(values) for values in clips]
    if kind == "components":
        expected = [
            np.concatenate([a, of_components(head.components)(b)])
            for a, b in zip(expected, clips, strict=True)
        ]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
