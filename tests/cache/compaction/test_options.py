"""Options of the laptop cache that cannot be are refused."""

from __future__ import annotations

import pytest

from cache.common.errors import CacheError
from cache.compaction.compact import compact
from cache.compaction.options import CompactOptions
from cache.compaction.projection import Projection


def test_options_that_cannot_be_are_refused(options, full, small, tmp_path) -> None:
    with pytest.raises(CacheError, match="pool: found 0, expected 1 or more"):
        CompactOptions(pool=0)
    with pytest.raises(CacheError, match="dtype: found 'float8', expected float16 or int8"):
        CompactOptions(dtype="float8")
    with pytest.raises(CacheError, match="holds layers 6, 12"):
        compact(full, tmp_path / "c", CompactOptions(layers="3"))
    with pytest.raises(CacheError, match="holds none of the 1 clip to"):
        compact(full, tmp_path / "c", fit_on=["nobody"], options=options)
    with pytest.raises(CacheError, match="compact cache already"):
        compact(small, tmp_path / "c")
    with pytest.raises(CacheError, match="no compact cache"):
        Projection.load(full)
    assert not (tmp_path / "c" / "cache.json").exists()
