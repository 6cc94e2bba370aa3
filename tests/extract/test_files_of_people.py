"""Files as people have them, each once reported to a neighbouring tool: every one gives its sound, at its time.

Second k of the sound is a tone of 300 + 110 k Hz, so that a shift in time shows as another tone.
"""

from __future__ import annotations

import errno
import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from cache import CacheReader, verify
from extract.audio.decode import decode
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract
from extract.sources.clips import SourceClip

RATE = 16_000


def ladder(seconds: int, rate: int = RATE) -> np.ndarray:
    """(samples,) float32 whose pitch tells the second."""
    time = np.arange(seconds * rate) / rate
    return (0.4 * np.sin(2 * np.pi * (300 + 110 * np.floor(time)) * time)).astype(np.float32)


def rungs(samples: np.ndarray) -> list[int]:
    """Which second of the ladder each whole second of the sound is; −1 for none of them."""
    found = []
    for start in range(0, len(samples) - RATE + 1_700, RATE):  # codecs may cut or add a packet
        part = samples[start : start + RATE]
        part = part[len(part) // 10 : -len(part) // 10]  # the middle: a codec may smear the edges
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 4 * RATE))
        rung = (np.argmax(spectrum) / 4 - 300) / 110
        found.append(round(rung) if abs(rung - round(rung)) < 0.05 else -1)
    return found


def heard(path: Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    return decode(SourceClip("x", path, path.name, start, end), 0.0).samples


def assert_ladder(path: Path, seconds: int) -> None:
    """The whole file, and a segment of it, hold what they should."""
    assert rungs(heard(path)) == list(range(seconds))
    assert rungs(heard(path, seconds - 2.0, seconds - 1.0)) == [seconds - 2]


def encode(path: Path | io.RawIOBase, codec: str, sound: np.ndarray, rate: int, **more: object) -> None:
    """Write mono sound with FFmpeg; ``format``, ``options`` of the container, ``quality`` for a variable rate."""
    target = str(path) if isinstance(path, Path) else path
    with av.open(target, "w", format=more.get("format"), options=more.get("options") or {}) as container:
        track = container.add_stream(codec, rate=rate, layout="mono")
        if "quality" in more:
            track.codec_context.qscale, track.codec_context.global_quality = True, more["quality"] * 118
        if more.get("picture"):
            add_picture(container)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), "fltp", "mono")
        frame.sample_rate, frame.pts = rate, 0
        size = track.codec_context.frame_size or 1_024
        resampler = av.AudioResampler(track.codec_context.format, "mono", rate, frame_size=size)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(track.encode(part))
        container.mux(track.encode())


def add_picture(container: av.container.OutputContainer) -> None:
    picture = container.add_stream("mjpeg", rate=1)
    picture.width = picture.height = 32
    picture.pix_fmt = "yuvj420p"
    picture.disposition = av.stream.Disposition.attached_pic
    image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 100, np.uint8), format="rgb24")
    container.mux(picture.encode(image.reformat(format="yuvj420p")))
    container.mux(picture.encode())


SAMPLE_FORMATS = [
    ("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "PCM_24"),
    ("WAVEX", "PCM_16"), ("WAVEX", "FLOAT"), ("WAVEX", "ULAW"), ("RF64", "PCM_16"), ("W64", "PCM_16"),
    ("NIST", "PCM_16"), ("NIST", "ULAW"), ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("AU", "ULAW"),
    ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec"), SAMPLE_FORMATS)
def test_containers_and_sample_formats(tmp_path, container, codec) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, ladder(4), RATE, format=container, subtype=codec)
    assert_ladder(path, 4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 96_000, 192_000])
def test_sampling_rates_of_telephones_and_studios(tmp_path, rate) -> None:
    soundfile.write(tmp_path / "x.wav", ladder(3, rate), rate)
    assert len(heard(tmp_path / "x.wav")) == 3 * RATE
    assert_ladder(tmp_path / "x.wav", 3)


def test_a_constant_offset_is_left_as_it_is_and_no_silence(tmp_path) -> None:
    for name, sound in (("tone", 0.5 + 0.5 * ladder(3)), ("flat", np.full(RATE, 0.5, np.float32))):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE)
    audio = decode(SourceClip("x", tmp_path / "tone.wav", "tone.wav"), 0.0)
    assert np.mean(audio.samples) == pytest.approx(0.5, abs=1e-3)
    assert rungs(audio.samples - 0.5) == [0, 1, 2]
    assert decode(SourceClip("x", tmp_path / "flat.wav", "flat.wav"), 0.0).rms_db == pytest.approx(
        -6.02, abs=0.1
    )


class Pipe(io.RawIOBase):
    """What MediaRecorder writes to: no way back to the header."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def test_a_recording_of_a_browser_has_no_length_in_its_header(tmp_path) -> None:
    pipe = Pipe()
    encode(pipe, "libopus", ladder(4, 48_000), 48_000, format="webm", options={"live": "1"})
    (tmp_path / "x.webm").write_bytes(pipe.data)
    with av.open(str(tmp_path / "x.webm")) as container:
        assert container.duration is None
        assert container.streams.audio[0].duration is None
    assert_ladder(tmp_path / "x.webm", 4)


@pytest.mark.parametrize("suffix", [".mp4", ".mp3"])
def test_a_cover_is_no_film(tmp_path, suffix) -> None:
    path = tmp_path / f"x{suffix}"
    encode(path, {".mp4": "aac", ".mp3": "libmp3lame"}[suffix], ladder(4, 44_100), 44_100, picture=True)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert_ladder(path, 4)


def variable(path: Path, seconds: int) -> bytes:
    """An mp3 of variable bit rate without a header that says so: its length is guessed from the first frames."""
    sound = ladder(seconds, 44_100)
    sound[: 44_100 // 2] += 0.3 * np.random.default_rng(0).standard_normal(44_100 // 2).astype(np.float32)
    encode(path, "libmp3lame", sound, 44_100, quality=6, options={"write_xing": "0", "id3v2_version": "0"})
    return path.read_bytes()


def test_a_variable_bit_rate_without_a_header_changes_no_time(tmp_path) -> None:
    data = variable(tmp_path / "x.mp3", 6)
    assert b"Xing" not in data
    assert b"Info" not in data
    assert len(heard(tmp_path / "x.mp3")) == pytest.approx(6 * RATE, abs=0.1 * RATE)
    assert rungs(heard(tmp_path / "x.mp3"))[1:] == [1, 2, 3, 4, 5]
    assert rungs(heard(tmp_path / "x.mp3", 4.05, 5.05)) == [4]


def test_files_that_were_joined_are_heard_to_the_end(tmp_path) -> None:
    data = variable(tmp_path / "x.mp3", 3)
    (tmp_path / "y.mp3").write_bytes(data + data)
    assert rungs(heard(tmp_path / "y.mp3"))[1:3] == [1, 2]
    assert len(heard(tmp_path / "y.mp3")) == pytest.approx(6 * RATE, abs=0.2 * RATE)


@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_an_edit_list_cuts_what_the_encoder_put_before_the_sound(tmp_path, codec) -> None:
    path = tmp_path / "x.mp4"
    sound = ladder(4, 48_000)
    encode(path, codec, sound, 48_000)
    assert b"elst" in path.read_bytes()
    samples = heard(path)
    assert len(samples) == pytest.approx(4 * RATE, abs=0.05 * RATE)
    reference = ladder(4)
    lags = {
        lag: np.corrcoef(samples[20_000 + lag : 30_000 + lag], reference[20_000:30_000])[0, 1]
        for lag in range(-40, 41)
    }
    assert abs(max(lags, key=lags.__getitem__)) <= 2
    assert_ladder(path, 4)


@pytest.mark.parametrize(("codec", "error"), [("VORBIS", 1e-6), ("OPUS", 2e-2)])
def test_a_segment_begins_at_its_sample(tmp_path, codec, error) -> None:
    """Opus needs some packets before it is exact; its first samples after a seek differ a little."""
    path = tmp_path / "x.ogg"
    soundfile.write(path, ladder(5), RATE, format="OGG", subtype=codec)
    whole, part = heard(path), heard(path, 2.3456, 3.3456)
    first = round(2.3456 * RATE)
    size = min(len(part), RATE) - 100
    assert np.abs(part[:size] - whole[first : first + size]).max() < error


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def test_chunks_around_the_sound_are_no_sound(tmp_path) -> None:
    soundfile.write(tmp_path / "x.wav", ladder(3), RATE, subtype="PCM_16")
    data = (tmp_path / "x.wav").read_bytes()
    sound = data[data.index(b"data") + 8 :]
    odd = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0")  # of an odd length, and so padded
    body = b"WAVE" + data[12:36] + odd + chunk(b"bext", bytes(603)) + chunk(b"data", sound) + odd
    for tail in (b"", b"junk" * 1_000, b"TAG" + bytes(125)):
        (tmp_path / "y.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body + tail)
        samples = heard(tmp_path / "y.wav")
        np.testing.assert_array_equal(samples, np.frombuffer(sound, "<i2") / np.float32(32_768))
    assert_ladder(tmp_path / "y.wav", 3)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".mp4"])
def test_what_comes_after_the_sound_is_no_sound(tmp_path, suffix) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".flac":
        soundfile.write(path, ladder(3), RATE)
    else:
        encode(path, {".mp3": "libmp3lame", ".mp4": "aac"}[suffix], ladder(3, 44_100), 44_100)
    before = heard(path)
    with path.open("ab") as file:
        file.write(b"TAG" + b"a song".ljust(125, b"\0"))  # ID3v1
    np.testing.assert_array_equal(heard(path), before)
    assert_ladder(path, 3)


def test_names_of_other_systems_are_ids_like_any_other(tmp_path) -> None:
    for name in ("A.WAV", "b.Mp3", "e\u0301.FLAC"):
        path = tmp_path / "media" / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, ladder(1), RATE, format=path.suffix[1:].upper())
    extract(tmp_path / "media", tmp_path / "c", ExtractOptions(EncoderOptions("logmel")))
    with CacheReader(tmp_path / "c") as cache:
        assert sorted(cache.clip_ids) == ["A", "b", "\u00e9"]
    (tmp_path / "ids.csv").write_text("clip_id\nA\nb\ne\u0301\n")
    options = ExtractOptions(EncoderOptions("logmel"), media=(tmp_path / "media",))
    assert extract(tmp_path / "ids.csv", tmp_path / "c", options).cached == 3


def test_a_drive_without_links_takes_a_cache(tmp_path, monkeypatch) -> None:
    """exFAT has neither hard links nor symbolic ones."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    (tmp_path / "media").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / "media" / f"{number}.wav", ladder(1), RATE)
    for store in ("hdf5", "zarr"):
        options = ExtractOptions(EncoderOptions("logmel"), store=store, shard_mb=0.02)
        assert extract(tmp_path / "media", tmp_path / store, options).cached == 3
        assert verify(tmp_path / store).findings == ()
        assert list((tmp_path / store).rglob("*.tmp")) == []
