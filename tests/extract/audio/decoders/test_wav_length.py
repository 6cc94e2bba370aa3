"""Lengths in wav headers that are none, and empty files that are empty."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import soundfile

from extract.audio.decode import decode
from extract.audio.decoders.wav_length import DS64, WithLength, has_no_length, is_no_length, open_with_length
from extract.audio.headers import read_header
from extract.errors import ClipError

NO_LENGTHS = (
    0,
    0x7FFFF000,
    0x7FFFFFDB,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFDB,
    0xFFFFFFFF,
    0x7FFFF024,
    0xFFFFF000,
)


def with_length(path, length: int, riff: int, order: str = "<") -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"data")
    data[place + 4 : place + 8] = struct.pack(f"{order}I", length)
    data[4:8] = struct.pack(f"{order}I", riff)
    path.write_bytes(bytes(data))


def test_what_no_recorder_writes_as_a_length_is_none() -> None:
    assert all(map(is_no_length, NO_LENGTHS))
    assert not any(map(is_no_length, (2, 192_000, 36_000 * 32_000, 0x7FFE0000, 0x90000000, 0xFF000000)))


@pytest.mark.parametrize("riff", [0, 36, 0x7FFFF024, 0xFFFFFFFF])
@pytest.mark.parametrize("length", NO_LENGTHS)
def test_a_wav_from_a_pipe_is_read_to_its_end(tmp_path, clip, voice, length, riff) -> None:
    path, sound = tmp_path / "x.wav", voice(1.5)
    soundfile.write(path, sound, 16_000)
    expected = decode(clip(path), 12.0).samples
    with_length(path, length, riff)
    np.testing.assert_array_equal(decode(clip(path), 12.0).samples, expected)
    part = decode(clip(path, start=0.5, end=1.0), 12.0).samples
    np.testing.assert_array_equal(part, expected[8_000:16_000])
    header = read_header(path)
    assert (header.seconds, header.promised) == (1.5, None)
    with pytest.raises(ClipError) as error:
        decode(clip(path, start=2.0, end=3.0), 12.0)
    assert error.value.reason == "bad_segment"


def test_a_big_endian_wav_without_length(tmp_path, clip, voice) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, voice(0.5), 16_000, endian="BIG")
    assert path.read_bytes().startswith(b"RIFX")
    with_length(path, 0, 0, ">")
    assert has_no_length(path)
    assert len(decode(clip(path), 12.0).samples) == 8_000


@pytest.mark.parametrize(
    "chunks", [b"", b"LIST" + struct.pack("<I", 5_000) + bytes(5_000), b"id3 \x03\0\0\0abc\0"]
)
def test_an_empty_recording_with_tags_behind_it_is_empty(tmp_path, clip, chunks) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    path.write_bytes(path.read_bytes() + chunks)
    assert open_with_length(path) is None
    with pytest.raises(ClipError, match="0 samples") as error:
        decode(clip(path), 12.0)
    assert error.value.reason == "too_short"


def test_a_length_that_is_merely_too_long_is_damage(tmp_path, clip, voice) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, voice(0.5), 16_000)
    with_length(path, 36_000 * 32_000, 36)
    with pytest.raises(ClipError, match="promises") as error:
        decode(clip(path), 0.0)
    assert error.value.reason == "damaged"


def test_other_files_hide_nothing(tmp_path) -> None:
    for number, data in enumerate((b"", b"RIFF", b"OggS" + bytes(60), b"RIFF\0\0\0\0WAVEdat")):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert open_with_length(path) is None


@pytest.mark.parametrize("length", [0, 1 << 63, (1 << 64) - 1])
def test_an_rf64_from_a_pipe_is_read_to_its_end(tmp_path, clip, voice, length) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, voice(1.5), 16_000, format="RF64", subtype="PCM_16")
    expected = decode(clip(path), 12.0).samples
    assert read_header(path).promised == 1.5
    data = bytearray(path.read_bytes())
    data[DS64 : DS64 + 8] = struct.pack("<Q", length)
    path.write_bytes(bytes(data))
    np.testing.assert_array_equal(decode(clip(path), 12.0).samples, expected)
    np.testing.assert_array_equal(decode(clip(path, start=1.0), 12.0).samples, expected[16_000:])
    assert (read_header(path).seconds, read_header(path).promised) == (1.5, None)


def test_bytes_that_are_put_right_are_so_wherever_a_read_begins(tmp_path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(20)))
    with WithLength(tmp_path / "x", 7, b"abcd") as file:
        whole = bytes(range(7)) + b"abcd" + bytes(range(11, 20))
        for begin in range(20):
            buffer = bytearray(5)
            file.seek(begin)
            count = file.readinto(buffer)
            assert buffer[:count] == whole[begin : begin + 5]
