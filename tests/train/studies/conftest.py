"""What several tests of studies share."""

from __future__ import annotations

import pytest

from cache import CompactOptions, compact


@pytest.fixture(scope="module")
def small_cache(corpus, splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("compact") / "cache"
    compact(
        corpus.cache, out, CompactOptions(pool=2, project=7, dtype="int8"), fit_on=list(splits.train.clip_ids)
    )
    return out
