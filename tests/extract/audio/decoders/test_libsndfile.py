"""What libsndfile reads: every sample format of wav, and headers that make no sense."""

from __future__ import annotations

import struct

import pytest
import soundfile

from extract.audio.decode import decode
from extract.audio.decoders.libsndfile import LibsndfileDecoder
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
