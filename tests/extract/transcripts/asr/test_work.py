"""What the loop does for transcripts: one clip at a time, digital silence is not heard, notes on odd rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from extract.audio.cut import Audio
from extract.run.shards.work import ShardWork
from extract.sources.clips import SourceClip
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.recogniser import SILENCE, Heard
from extract.transcripts.asr.work import NO_SPEECH, REPEATS, ClipAgain, TranscribeWork
from extract.transcripts.transcript import Word


class Recogniser:
    """Hears one word in everything."""

    def hear(self, _samples) -> Heard:
        return Heard("hi", ((Word("hi", 0.0, 0.1), 0.5),), "en", 0.1, False)


@pytest.fixture
def work() -> TranscribeWork:
    return TranscribeWork(Recogniser(), None, TranscribeOptions("x"), None, None)


def audio(rms_db: float) -> Audio:
    return Audio(np.zeros(800, np.float32), False, rms_db, "0" * 64, 7, 8)


def test_it_is_what_the_loop_asks_for(work) -> None:
    asked = {name for name in vars(ShardWork) if not name.startswith("_")}
    assert asked <= set(dir(work)) | set(vars(work))
    assert (work.batch_seconds(), work.num_samples(audio(0)), work.workers >= 2) == (0.0, 800, True)


def test_there_is_nothing_to_hear_in_digital_silence(work) -> None:
    assert work.encode([audio(-120.0)]) == [SILENCE]
    assert work.encode([audio(-60.0)])[0].text == "hi"


@pytest.mark.parametrize(
    ("heard", "note"),
    [
        (SILENCE, NO_SPEECH),
        (Heard("hi", (), "en", 0.1, False), ""),
        (Heard("7 7 7", (), "en", 0.1, True), REPEATS),
    ],
)
def test_a_row_says_what_to_look_at(work, tmp_path, heard, note) -> None:
    clip = SourceClip("b", tmp_path / "b.wav", "b.wav", 1.0, 2.0)
    row = work.finish(clip, audio(0), heard)
    assert (row.note, row.duration, row.generation, row.stat) == (note, 0.05, 0, (7, 8, 1.0, 2.0))
    assert work.finish(ClipAgain.of(clip, 2), audio(0), heard) == replace(row, generation=2)
