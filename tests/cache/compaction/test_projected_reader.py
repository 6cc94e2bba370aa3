"""A full cache read through a projection gives what its compact cache holds."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, CompactOptions, FrameField, Projection, compact
from cache.compaction.projected_reader import ProjectedReader

WIDTH = 48
IDS = ("a", "b", "c")


@pytest.fixture
def pair(tmp_path):
    """Paths of a full cache and of its compact one."""
    rng = np.random.default_rng(0)
    writer = CacheWriter.open(tmp_path / "full", {"model": "m"}, [FrameField("hidden_states/2", WIDTH)])
    clips, mixing = [], rng.standard_normal((6, WIDTH))
    for clip_id, length in zip(IDS, (7, 20, 33), strict=True):
        hidden = (rng.standard_normal((length, 6)) @ mixing).astype(np.float32)
        values = {"hidden_states/2": hidden}
        means = {"hidden_states/2": hidden.mean(0)}
        clips.append(ClipFeatures(clip_id, values, means, 320 * length, -20.0, "0" * 64, {}))
    writer.commit(clips)
    compact(tmp_path / "full", tmp_path / "small", CompactOptions(pool=5, project=6), fit_on=list(IDS))
    return tmp_path / "full", tmp_path / "small"


def test_it_gives_the_compact_caches_values(pair):
    full, small = pair
    projection = Projection.from_file(small / "projection.npz")
    with ProjectedReader(full, projection) as projected, CacheReader(small) as reader:
        field = projected.frame_fields["hidden_states/2"]
        stored = reader.frame_fields["hidden_states/2"]
        assert (field.width, field.frame_shift) == (stored.width, stored.frame_shift) == (6, 0.1)
        for clip_id in IDS:
            frames = projected.num_frames(clip_id)
            assert frames == reader.num_frames(clip_id)
            out = np.empty((frames, field.width), np.float32)
            projected.read_into(clip_id, "hidden_states/2", out)
            expected = reader.read_values(clip_id, "hidden_states/2")
            np.testing.assert_allclose(out, expected, atol=0.02 * np.abs(expected).max())
        name = "global_mean/hidden_states/2"
        np.testing.assert_allclose(projected.clip_table(name), reader.clip_table(name), atol=1e-5)
        assert projected.clip_table("clips/duration").shape == (3,)
        assert len(projected.clip_table(name, [])) == 0
