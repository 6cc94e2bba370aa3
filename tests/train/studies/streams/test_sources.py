"""What rows of some streams share: the readers of all, and the clips."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.labels.coverage import opened
from train.streams.stream_set import as_missing
from train.studies.streams.sources import sharing, with_subsets


def test_some_of_the_streams_have_the_clips_of_all(pair):
    with opened(pair) as both:
        found = with_subsets({"audio+text": both}, ["text", "audio+text", "text", "audio"])
        assert list(found) == ["audio+text", "text", "audio"]
        text = found["text"]
        assert text.names == ("text",)
        assert text.clip_ids == both.clip_ids
        assert text.readers["text"] is both.readers["text"]
        assert not text.present(["00000"])["text"][0]
        assert text.clip_table("clips/duration", ["00000"]) == both.clip_table("clips/duration", ["00000"])
        assert text.path == f"text={pair['text']}"
        assert text.beside == {"audio": str(pair["audio"])}
        assert found["audio"].beside == {}, "it has all clips by itself"
        common = as_missing(found["audio"], "drop")
        assert common.names == ("audio",)
        assert common.clip_ids == as_missing(both, "drop").clip_ids
        with pytest.raises(ConfigError, match=r"no cache called 'face', found audio\+text"):
            with_subsets({"audio+text": both}, ["face"])


def test_sets_of_the_same_streams_share_their_frames(pair, corpus):
    with opened(pair) as both, opened(corpus.cache) as one, opened(corpus.cache) as other:
        sources = with_subsets({"one": one, "audio+text": both, "other": other}, ["text"])
        assert sharing(sources) == [["one"], ["audio+text", "text"], ["other"]]
