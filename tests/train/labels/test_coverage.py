"""How many labelled clips a cache holds is counted, and too few are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache import CacheReader
from train.errors import LabelError
from train.labels.coverage import cached, check_coverage, coverage, is_compact, opened


def test_missing_clips_are_counted_and_left_out(corpus, splits):
    labels = replace(splits.valid, clip_ids=("lost", *splits.valid.clip_ids[1:]))
    with CacheReader(corpus.cache) as reader:
        found = coverage(labels, reader)
        assert found == {"labelled": 30, "cached": 29, "share": 29 / 30, "missing": ["lost"]}
        assert cached(labels, reader).clip_ids == labels.clip_ids[1:]
        check_coverage(found, labels, reader, 0.9)
        with pytest.raises(LabelError, match=r"29 of 30 labelled clips.*\(96.7%\).*missing: lost"):
            check_coverage(found, labels, reader, 0.99)


def test_no_clip_in_common_shows_ids_of_both_sides(corpus, splits):
    labels = replace(splits.valid, clip_ids=tuple(f"x{clip}" for clip in splits.valid.clip_ids))
    with (
        CacheReader(corpus.cache) as reader,
        pytest.raises(LabelError, match=r"labels name x00060.*holds 000"),
    ):
        check_coverage(coverage(labels, reader), labels, reader, 0.0)


def test_a_reader_that_was_given_stays_open(corpus, small_cache):
    with CacheReader(corpus.cache) as reader:
        with opened(reader) as same:
            assert same is reader
        assert reader.clip_table("clips/duration", ["00000"]).shape == (1,)
        assert not is_compact(reader)
    with opened(small_cache) as reader:
        assert is_compact(reader)
