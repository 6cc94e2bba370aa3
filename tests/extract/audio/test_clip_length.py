"""How long a clip is, as its header and its segment say, and which segments a file does not have."""

from __future__ import annotations

import pytest

from extract.audio.clip_length import clip_seconds, segment_error, used_samples
from extract.audio.decode import decode
from extract.audio.headers import Header
from extract.errors import ClipError

HEADER = Header("wav", "pcm_16", 16_000, 2, 10.0, 10.0)
UNKNOWN = Header("mp3", "mp3", 16_000, 1, None)


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.5), (5.0, 6.0), (-1.0, 1.0), (0.5, 9.0)])
def test_segments_outside_the_file_are_named(clip, tmp_path, voice, write_media, start, end) -> None:
    path = write_media(tmp_path / "x.wav", voice(2.0))
    with pytest.raises(ClipError) as error:
        decode(clip(path, start=start, end=end), 12.0)
    assert error.value.reason == "bad_segment"


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 10.0),
        ({"start": 4.0}, 6.0),
        ({"start": 4.0, "end": 5.5}, 1.5),
        ({"end": 99.0}, 10.0),
        ({"start": 11.0}, 0.0),
    ],
)
def test_a_clip_ends_with_its_segment_or_its_file(tmp_path, clip, options, seconds) -> None:
    wanted = clip(tmp_path / "x.wav", **options)
    assert clip_seconds(wanted, HEADER) == seconds
    assert used_samples(wanted, HEADER, 0.0) == round(16_000 * seconds)
    assert used_samples(wanted, HEADER, 2.0) == round(16_000 * min(2.0, seconds))


def test_a_file_that_does_not_say_how_long_it_is_has_no_samples_yet(tmp_path, clip) -> None:
    assert used_samples(clip(tmp_path / "x.mp3"), UNKNOWN, 12.0) == 0
    assert used_samples(clip(tmp_path / "x.mp3"), ClipError("unreadable", "x"), 12.0) == 0


def test_only_what_a_header_promises_refuses_a_segment(tmp_path, clip) -> None:
    late = clip(tmp_path / "x.mp3", start=95.0)
    assert segment_error(late, UNKNOWN) is None
    assert str(segment_error(late, HEADER)) == "segment 95-end s, the file has 10.00 s"
    assert segment_error(clip(tmp_path / "x.mp3", end=10.2), HEADER) is None, "codecs drop some at the ends"


def test_segments_lie_on_the_timeline_of_the_container(tmp_path, clip) -> None:
    """Ten seconds of sound that begin at 3 s."""
    late = Header("mp4", "aac", 16_000, 1, 10.0, 10.0, start=3.0, tracks=2)
    path = tmp_path / "x.mp4"
    assert clip_seconds(clip(path), late) == 10.0
    assert clip_seconds(clip(path, start=2.0, end=12.5), late) == 10.5
    assert clip_seconds(clip(path, start=12.0), late) == 1.0
    assert segment_error(clip(path, start=12.0, end=13.1), late) is None
    assert (
        str(segment_error(clip(path, start=12.0, end=14.0), late)) == "segment 12-14 s, the file has 13.00 s"
    )
    early = segment_error(clip(path, start=1.0, end=3.0), late)
    assert (early.reason, str(early)) == ("no_sound", "segment 1-3 s, the sound begins at 3.00 s")
    none = segment_error(clip(path, audio_stream=2), late)
    assert (none.reason, str(none)) == ("bad_segment", "audio stream 2, the file has 2 (from 0)")
