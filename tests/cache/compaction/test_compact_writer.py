"""A compact cache written straight from clips is the one that ``compact`` makes of the full cache."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from cache.common.errors import RecipeMismatchError
from cache.compaction.compact import compact, made_with
from cache.compaction.compact_writer import CompactWriter
from cache.compaction.options import CompactOptions
from cache.compaction.projection import Projection
from cache.format.catalog import read_description
from cache.tools.verify import verify

IDS = ["1", "2", "3", "4", "5", "7"]


@pytest.fixture(params=["int8", "float16"])
def both(write_source, smooth_clip, tmp_path, request):
    """A compact cache made of a full one, and one written straight."""
    full = write_source(tmp_path / "full", IDS)
    compact(full, tmp_path / "made", CompactOptions(pool=5, project=20, dtype=request.param))
    made = read_description(tmp_path / "made")
    writer = CompactWriter.make(
        tmp_path / "straight",
        read_description(full),
        Projection.load(tmp_path / "made"),
        made_with(made.recipe),
    )
    for part in (IDS[:2], IDS[2:]):  # in other shards than there
        assert writer.commit([smooth_clip(each, 11 + 3 * int(each)) for each in part]) is not None
    return tmp_path


def test_it_is_the_same_to_the_last_bit(both) -> None:
    assert read_description(both / "straight").recipe == read_description(both / "made").recipe
    assert read_description(both / "straight").fields == read_description(both / "made").fields
    assert verify(both / "straight").findings == ()
    with CacheReader(both / "made") as one, CacheReader(both / "straight") as two:
        assert one.clip_ids == two.clip_ids
        assert one.frame_fields.keys() == {"hidden_states/12", "vad"}
        for name in one.frame_fields:
            for clip_id in IDS:
                np.testing.assert_array_equal(two.read_frames(clip_id, name), one.read_frames(clip_id, name))
            table = f"global_mean/{name}"
            np.testing.assert_array_equal(two.clip_table(table), one.clip_table(table))


def test_it_continues_a_cache_of_its_own_recipe_only(both, smooth_clip) -> None:
    full, made = read_description(both / "full"), read_description(both / "made")
    projection = Projection.load(both / "made")
    writer = CompactWriter.make(both / "made", full, projection, made_with(made.recipe))
    assert writer.commit([smooth_clip("9", 20)]) is not None
    assert "9" in CacheReader(both / "made")
    with pytest.raises(RecipeMismatchError, match="another recipe"):
        CompactWriter.make(both / "full", full, projection, made_with(made.recipe))
