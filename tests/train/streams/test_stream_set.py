"""A set of streams: its clips, in any order of its caches, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from cache.common.errors import UnknownFieldError
from train.errors import ConfigError, LabelError
from train.labels.coverage import is_compact, opened
from train.streams.stream_set import StreamSet, as_missing, open_source, places_of, recipe_ids


def test_its_clips_are_those_of_all_streams_or_of_each(pair):
    with opened(pair) as both, opened(dict(reversed(pair.items()))) as turned:
        assert both.names == turned.names == ("audio", "text")
        assert both.clip_ids == turned.clip_ids
        assert len(both) == 95
        assert "00000" in both
        assert not both.present(["00000", "00001"])["text"][0]
        common = as_missing(both, "drop")
        assert "00000" not in common
        assert len(common) == len(both) - 14
        assert as_missing(both, "token") is both
        assert not is_compact(both)


def test_what_a_clip_is_comes_from_the_first_stream_that_has_it(pair, make_text, corpus, tmp_path):
    with opened({"b": make_text(tmp_path / "b", corpus.truth), "a": pair["text"]}) as both:
        sums = both.clip_table("clips/audio_sha256", ["00001", "00000"])
        assert sums.tolist() == [f"{clip:1>64}" for clip in ("00001", "00000")]
        with pytest.raises(UnknownFieldError, match="no stream holds clips/pitch"):
            both.clip_table("clips/pitch", ["00001"])
    with opened(pair) as both:
        assert np.all(both.clip_table("clips/duration", ["00000", "00001"]) > 0)
        assert places_of(both) == {name: str(path) for name, path in pair.items()}
        assert set(recipe_ids(both)) == {"audio", "text"}
        assert both.path == f"audio={pair['audio']} text={pair['text']}"


def test_streams_without_a_common_clip_are_refused(corpus, make_text, tmp_path):
    other = make_text(tmp_path / "other", {f"x/{clip}": labels for clip, labels in corpus.truth.items()})
    with pytest.raises(LabelError) as caught:
        open_source({"audio": corpus.cache, "text": other})
    assert "have no clip in common: the first holds 000" in str(caught.value)
    assert "would match without the folder" in str(caught.value)


def test_a_set_needs_streams_with_names(corpus):
    with pytest.raises(ConfigError, match="found none, expected NAME=CACHE"):
        StreamSet({})
    with (
        CacheReader(corpus.cache) as reader,
        pytest.raises(ConfigError, match="name of a stream: found 'a b'"),
    ):
        StreamSet({"a b": reader})
