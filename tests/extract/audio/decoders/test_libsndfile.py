"""What libsndfile reads: every sample format of wav, and headers that make no sense."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from extract.audio.decode import decode
from extract.audio.decoders.libsndfile import LibsndfileDecoder
from extract.audio.headers import read_header
from extract.errors import ClipError


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_sample_format_of_wav(clip, tmp_path, voice, write_media, subtype) -> None:
    path = write_media(tmp_path / "x.wav", voice(0.5, 44_100, 2), 44_100, subtype)
    assert len(decode(clip(path), 12.0).samples) == 8_000


@pytest.mark.parametrize("rate", [0, 1, 999, 4_294_967_295])
def test_sampling_rates_that_no_recorder_has_are_refused(clip, tmp_path, voice, rate) -> None:
    soundfile.write(tmp_path / "x.wav", voice(0.5), 16_000)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    data[24:28] = struct.pack("<I", rate)
    (tmp_path / "x.wav").write_bytes(bytes(data))
    with pytest.raises(ClipError) as error:
        decode(clip(tmp_path / "x.wav"), 12.0)
    assert error.value.reason == "unreadable"


def test_blocks_begin_where_they_are_asked_to_and_hold_a_second(tmp_path, voice) -> None:
    sound = voice(2.5)
    soundfile.write(tmp_path / "x.wav", sound, 16_000, subtype="FLOAT")
    decoder = LibsndfileDecoder(tmp_path / "x.wav")
    try:
        blocks = list(decoder.blocks(4_000))
        assert [block.shape for block in blocks] == [(16_000, 1), (16_000, 1), (4_000, 1)]
        assert (blocks[0] == sound[4_000:20_000]).all()
        assert (decoder.container, decoder.codec, decoder.promised) == ("wav", "float", 2.5)
        assert decoder.measured() == 2.5
    finally:
        decoder.close()


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "ALAW", "ULAW", "G721_32"])
@pytest.mark.parametrize("kind", ["WAV", "W64", "AU"])
def test_segments_of_codecs_that_cannot_seek(clip, tmp_path, tones, pitch, kind, subtype) -> None:
    """The segment lies where it should, and is the same part of the whole clip."""
    if not soundfile.check_format(kind, subtype):
        pytest.skip(f"{kind} holds no {subtype}")
    path = tmp_path / f"x.{kind.lower()}"
    soundfile.write(path, tones(4.0, 8_000), 8_000, format=kind, subtype=subtype)
    whole = decode(clip(path), 12.0).samples
    part = decode(clip(path, start=2.1, end=2.9), 12.0).samples
    assert pitch(part) == pytest.approx(520, abs=4)
    assert abs(part[500:-500] - whole[33_600:46_400][500:-500]).max() < 0.01
    assert len(whole) == pytest.approx(64_000, abs=700)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_flac_that_does_not_say_how_long_it_is(clip, tmp_path, tones, pitch, channels) -> None:
    """As an encoder leaves it that writes to a pipe: no samples in the header."""
    path = tmp_path / "x.flac"
    soundfile.write(path, tones(3.0, 16_000, channels), 16_000)
    expected = decode(clip(path), 12.0).samples
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # 36 bits of the stream's header: its samples
    data[22:26] = bytes(4)
    path.write_bytes(bytes(data))
    np.testing.assert_array_equal(decode(clip(path), 12.0).samples, expected)
    assert pitch(decode(clip(path, start=2.1, end=2.9), 12.0).samples) == pytest.approx(520, abs=4)
    header = read_header(path)
    assert (header.promised, header.seconds) == (None, pytest.approx(3.0, abs=0.01))


def test_a_file_called_like_the_standard_input_is_a_file(clip, tmp_path, voice, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "-", voice(0.5), 16_000, format="WAV")
    assert len(decode(clip(Path("-")), 12.0).samples) == 8_000
