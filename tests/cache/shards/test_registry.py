"""The back ends there are: adding one is a module and a line."""

from __future__ import annotations

import pytest

from cache.common.errors import CacheError
from cache.shards.registry import get_store


def test_unknown_back_end_lists_those_there_are() -> None:
    with pytest.raises(CacheError, match="hdf5"):
        get_store("parquet")
