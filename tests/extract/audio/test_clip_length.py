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
    assert segment_error(late, None, 1) is None
    assert str(segment_error(late, 10.0, 1)) == "segment 95-end s, the file has 10.00 s"
    assert segment_error(clip(tmp_path / "x.mp3", end=10.2), 10.0, 1) is None, "codecs drop some at the ends"
