"""The budget of a batch is the user's or the device's, and never more than fits the memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cache.commit.failures import Failure
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.sources.folders import from_folder


@pytest.mark.parametrize(
    ("chosen", "memory", "expected"),
    [(None, float("inf"), 240.0), (30.0, float("inf"), 30.0), (0.0, float("inf"), 0.0), (None, 50.0, 50.0)],
)
def test_the_budget_is_the_smallest_that_is_asked_for(chosen, memory, expected) -> None:
    encoder = SimpleNamespace(batch_seconds=240.0, memory_seconds=memory)
    context = RunContext(encoder, None, ExtractOptions(batch_seconds=chosen), None, None)
    assert context.batch_seconds() == expected


def test_a_clip_without_a_frame_is_too_short_whatever_the_encoder(voice, write_media, tmp_path) -> None:
    """wav2vec2-BERT needs 35 ms and eGeMAPS 60 ms, where 25 ms are enough for others."""
    for name, seconds in (("short", 0.03), ("long", 0.1)):
        write_media(tmp_path / f"{name}.wav", voice(seconds))
    clips = {clip.clip_id: clip for clip in from_folder(tmp_path).clips}
    encoder = SimpleNamespace(num_frames=lambda samples: samples // 560)
    context = RunContext(encoder, None, ExtractOptions(), None, None)
    with ThreadPoolExecutor(1) as pool:
        plans = [SimpleNamespace(planned=dict.fromkeys(clips, 1))]
        read = {clip.clip_id: item for clip, item in context.read_ahead(plans, clips, pool)}
    assert read["short"].reason == "too_short"
    assert len(read["long"].samples) == 1600


def test_a_failure_is_in_the_ledger_and_in_the_log() -> None:
    listed, logged = [], []
    writer, meter = SimpleNamespace(fail=listed.append), SimpleNamespace(failed=logged.append)
    failure = Failure("a", "a.wav", "decode", "unreadable", "why")
    RunContext(None, writer, ExtractOptions(), None, meter).fail(failure)
    assert listed == logged == [failure]
