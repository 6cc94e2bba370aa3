"""What the loop does for text: long ones first, batches by tokens, clips with notes on their times."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from cache.commit.failures import Failure
from cache.commit.partition import ShardPlan
from cache.format.schema import FrameField
from extract.encoders.base import Encoded
from extract.run.shards.work import ShardWork
from extract.text.work import TextWork
from extract.transcripts.timing import TimedText, Unit
from extract.transcripts.transcript import Transcript

FIELDS = (FrameField("hidden_states/1", 2, np.dtype(np.float16)), FrameField("times", 2))


def work() -> TextWork:
    tokenizer = SimpleNamespace(tokens=lambda transcript: transcript.text)
    return TextWork(None, tokenizer, SimpleNamespace(fields=FIELDS), 512, None, None)


def tokens(late: int = 0) -> SimpleNamespace:
    return SimpleNamespace(num_tokens=3, timed=TimedText((Unit(0, 2, 0.0, 1.5),), 1, late))


def encoded(value: float) -> Encoded:
    frames = {"hidden_states/1": np.full((3, 2), value, np.float32), "times": np.zeros((3, 2), np.float32)}
    return Encoded(
        frames, {name: array[0] for name, array in frames.items()}, {"cls": np.ones(2, np.float32)}
    )


def test_it_is_what_the_loop_asks_for() -> None:
    asked = {name for name in vars(ShardWork) if not name.startswith("_")}
    assert asked <= set(dir(work())) | set(vars(work()))
    assert (work().batch_seconds(), work().num_samples(tokens())) == (512.0, 48_000)


def test_long_ones_come_first_shard_by_shard() -> None:
    clips = {clip_id: Transcript(clip_id, clip_id * 2) for clip_id in "abc"}
    plans = [ShardPlan("x", {"a": 1, "b": 5}, "x"), ShardPlan("y", {"c": 9}, "y")]
    assert [item for _, item in work().read_ahead(plans, clips, None)] == ["bb", "aa", "cc"]


def test_a_clip_says_what_is_odd_about_its_times(tmp_path) -> None:
    said = Transcript("a", "hi", path=tmp_path / "none", shown="t.csv")
    clip = work().finish(said, tokens(late=2), encoded(1.0))
    assert clip.notes == {"estimated_words": 1, "late_words": 2}
    assert (clip.num_samples, clip.audio_sha256, clip.source) == (24_000, said.sha256, "t.csv")
    assert clip.frames["hidden_states/1"].dtype == np.float16


def test_values_that_must_not_enter_a_cache_are_a_failure(tmp_path) -> None:
    failure = work().finish(Transcript("a", "hi", path=tmp_path), tokens(), encoded(float("nan")))
    assert isinstance(failure, Failure)
    assert (failure.clip_id, failure.reason) == ("a", "non_finite")
