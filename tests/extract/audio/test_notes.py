"""What is out of the ordinary in a clip is noted once, and told in a line per kind."""

from __future__ import annotations

from types import SimpleNamespace

from extract.audio.mixing import Mix
from extract.audio.notes import MAX_NAMED, note_lines, notes_of


def test_an_ordinary_clip_has_no_notes() -> None:
    ordinary = SimpleNamespace(start=0.0, tracks=1, track=0, changes=0)
    assert notes_of(ordinary, 0.0, None) == {}
    assert notes_of(ordinary, 0.0, {2: Mix((0, 1), 2)}) == {}


def test_every_oddity_is_noted_as_text_or_number() -> None:
    odd = SimpleNamespace(start=0.936, tracks=2, track=1, changes=3)
    mixes = {1: Mix((0,), 1), 2: Mix((1,), 2, 35.5)}
    assert notes_of(odd, 1.5, mixes) == {
        "sound_start": 0.936, "filled_seconds": 1.5, "audio_stream": 1, "audio_streams": 2, "changes": 3,
        "channels": "1 of 2", "mix_lost_db": 35.5,
    }  # fmt: skip


def test_clips_are_named_in_a_line_per_kind() -> None:
    noted = {
        "b": {"channels": "1 of 2", "mix_lost_db": 35.5},
        "a": {"channels": "2 of 6", "filled_seconds": 1.0},
    }
    assert note_lines(noted) == [
        "  1 clip whose channels cancel in their mean: the loudest channel was taken: b",
        "  1 clip with silent channels, which were left out of the mean: a",
        "  1 clip with silence where the file has no sound: a",
    ]
    many = {f"{number:02}": {"changes": 1} for number in range(MAX_NAMED + 3)}
    assert note_lines(many)[0].endswith(f"{MAX_NAMED - 1:02} and 3 more")
    assert note_lines({}) == []
