"""The columns of tables of frames."""

from __future__ import annotations

import pytest

from cache.imports.layouts.columns import columns_of
from cache.imports.values import UnreadableError


@pytest.mark.parametrize(
    ("names", "clip", "time", "features"),
    [
        (["timestamp", "segment_id", "f0", "f1"], None, 0, (2, 3)),
        (["name", "frameTime", "F0", "'jitter'"], 0, 1, (2, 3)),
        (["file", "start", "end", "F0"], 0, 1, (3,)),
        (["", "0", "1"], None, None, (1, 2)),
        (["Clip_ID", "a"], 0, None, (1,)),
    ],
)
def test_the_columns_of_the_tables_people_have(names, clip, time, features) -> None:
    columns = columns_of(names)
    assert (columns.clip, columns.time, columns.features) == (clip, time, features)


def test_a_table_without_features_is_refused() -> None:
    with pytest.raises(UnreadableError, match="no columns of features, found id, time"):
        columns_of(["id", "time"])
