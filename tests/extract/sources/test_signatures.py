"""Sound is known by its first bytes; pictures, text and playlists never are sound."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from extract.audio.open_sound import open_sound
from extract.sources.signatures import HEAD_BYTES, is_sound

RATE = 48_000
FFMPEG = {
    "3gp": "aac", "adts": "aac", "amr": "libopencore_amrnb", "avi": "mp3", "caf": "pcm_s16le", "mka": "libopus",
    "ac3": "ac3", "eac3": "eac3", "mp2": "mp2", "mp3": "libmp3lame", "mpegts": "aac", "w64": "pcm_s16le",
    "wv": "wavpack", "tta": "tta", "au": "pcm_s16be", "flv": "aac", "mov": "aac", "latm": "aac",
    "vob": "mp2", "voc": "pcm_u8", "rm": "real_144", "aiff": "pcm_s16be",
}  # fmt: skip
SOUNDFILE = {
    "WAV": "PCM_16", "WAVEX": "PCM_16", "RF64": "PCM_16", "W64": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS",
    "CAF": "PCM_16", "AU": "PCM_16", "NIST": "PCM_16", "AIFF": "PCM_16", "SVX": "PCM_16", "VOC": "PCM_U8",
    "MP3": "MPEG_LAYER_III",
}  # fmt: skip
NOT_WRITTEN_HERE = {
    "asf": b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", "dts": b"\x7f\xfe\x80\x01\xfc<",
    "amr-wb": b"#!AMR-WB\n",
    "mxf": b"\x06\x0e+4\x02\x05\x01\x01\r\x01\x02", "ape": b"MAC \x96\x0f\x00\x00", "dsf": b"DSD \x1c\x00\x00\x00",
    "musepack": b"MPCKSH\x0e", "bw64": b"BW64\xff\xff\xff\xffWAVE", "old mov": b"\x00\x00\x00\x08wide",
    "tagged": b"ID3\x04\x00",
}  # fmt: skip
OTHER_KINDS = {
    "webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "heic": b"\x00\x00\x00\x18ftypheic", "avif": b"\x00\x00\x00\x18ftypavif",
    "cursor": b"RIFF\x24\x00\x00\x00ACON", "png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "midi": b"MThd\x00\x00\x00\x06", "zip": b"PK\x03\x04", "hdf5": b"\x89HDF\r\n\x1a\n", "numpy": b"\x93NUMPY",
    "gif": b"GIF89a", "iff picture": b"FORM\x00\x00\x00\x24ILBM", "utf-16": "clip_id,path\n".encode("utf-16"),
    "zeros": bytes(HEAD_BYTES), "ones": b"\xff" * HEAD_BYTES, "nothing": b"", "a G": b"G" * 300,
}  # fmt: skip
TEXTS = (
    "ffconcat version 1.0\nfile other.wav\n", "#EXTM3U\n#EXTINF:1,\nhttp://x/y.ts\n", "clip_id,path\na,b.wav\n",
    "{}", "ID3 tags of the corpus\n", "FORM of consent\n", "MPCK is a format\n", "DSD and PCM\n", "TTA1 notes\n",
    "GGGGGGGG", "fLaCidity", "OggS", "MAC addresses", "wv", ".snd files\n", "FLV files\n", "[playlist]\nFile1=x\n",
)  # fmt: skip


@pytest.mark.parametrize("kind", FFMPEG)
def test_what_ffmpeg_writes_is_known(tmp_path, kind) -> None:
    path = tmp_path / "x"
    write(path, kind, FFMPEG[kind])
    assert is_sound(path.read_bytes()[:HEAD_BYTES])
    assert open_sound(path).channels >= 1


def write(path, kind: str, codec: str) -> None:
    slow = codec in {"libopencore_amrnb", "real_144"}
    rate, layout = (8_000 if slow else RATE), "mono" if slow or kind == "voc" else "stereo"
    tone = 0.3 * np.sin(np.arange(rate // 2) / 20)
    with av.open(str(path), "w", format={"mka": "matroska", "wv": "wv"}.get(kind, kind)) as container:
        track = container.add_stream(codec, rate=rate, layout=layout)
        number = 1 if layout == "mono" else 2
        frame = av.AudioFrame.from_ndarray(
            np.repeat(tone[None], number, 0).astype(np.float32), "fltp", layout
        )
        frame.sample_rate, frame.pts = rate, 0
        size = track.codec_context.frame_size or 1024
        resampler = av.AudioResampler(track.codec_context.format, layout, rate, frame_size=size)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(track.encode(part))
        container.mux(track.encode())


@pytest.mark.parametrize("kind", SOUNDFILE)
def test_what_libsndfile_writes_is_known(tmp_path, kind) -> None:
    path = tmp_path / "x"
    soundfile.write(path, 0.3 * np.sin(np.arange(8_000) / 20), 16_000, format=kind, subtype=SOUNDFILE[kind])
    assert is_sound(path.read_bytes()[:HEAD_BYTES])
    assert open_sound(path).channels == 1


@pytest.mark.parametrize("head", NOT_WRITTEN_HERE.values(), ids=NOT_WRITTEN_HERE)
def test_what_neither_writes_is_known_too(head) -> None:
    assert is_sound(head)


@pytest.mark.parametrize("head", OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_other_kinds_of_file_are_no_sound(head) -> None:
    assert not is_sound(head)


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_no_sound(text) -> None:
    assert not is_sound(text.encode())
    assert not is_sound((text * 1000).encode()[:HEAD_BYTES])


def test_noise_is_no_sound() -> None:
    noise = np.random.default_rng(0)
    assert not any(is_sound(noise.bytes(HEAD_BYTES)) for _ in range(2_000))


@pytest.mark.parametrize("shift", range(0, 8))
def test_a_cut_head_is_no_fault(shift) -> None:
    for start in (
        b"\xff\xfb\x90\x00",
        b"\xff\xf1\x50\x80\x00\x1f\xfc",
        b"\x0b\x77\x00\x00\x00\x00",
        b"V\xe0",
    ):
        assert not is_sound((start * 3)[:shift])
