"""Every container we claim decodes to the sound it holds, and bad files say what is wrong with them."""

from __future__ import annotations

import contextlib
import os
import struct

import av
import numpy as np
import pytest
import soundfile

from extract.audio import decode as decode_module
from extract.audio.decode import clip_seconds, decode, decode_file
from extract.audio.headers import read_header
from extract.errors import ClipError
from extract.sources.clips import SourceClip

ALL = [".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".mov", ".mkv", ".webm"]


def clip(path, **options) -> SourceClip:
    return SourceClip("x", path, path.name, **options)


def planned_seconds(wanted: SourceClip) -> float:
    """As a plan has it: from the header alone."""
    return clip_seconds(wanted, read_header(wanted.path))


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_every_container_decodes_to_its_sound(tmp_path, voice, write_media, suffix, rate, channels) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(2.0, rate, channels), rate)
    audio = decode(clip(path), 12.0)
    assert not audio.cut
    assert len(audio.samples) == pytest.approx(32_000, abs=1_700)  # codecs pad by a packet or two
    assert planned_seconds(clip(path)) == pytest.approx(2.0, abs=0.15)
    reference = voice(2.0)[:, 0]
    lags = [
        np.corrcoef(audio.samples[4000 + lag : 28_000 + lag], reference[4000:28_000])[0, 1]
        for lag in range(-110, 1200)
    ]
    assert max(lags) > 0.97
    assert audio.rms_db == pytest.approx(20 * np.log10(np.sqrt(np.mean(reference**2))), abs=1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_sample_format_of_wav(tmp_path, voice, write_media, subtype) -> None:
    path = write_media(tmp_path / "x.wav", voice(0.5, 44_100, 2), 44_100, subtype)
    assert len(decode(clip(path), 12.0).samples) == 8_000


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_every_rate_becomes_16_khz_with_the_right_pitch(tmp_path, voice, write_media, rate) -> None:
    path = write_media(tmp_path / "x.wav", voice(1.0, rate), rate)
    samples = decode(clip(path), 12.0).samples
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * 16_000 / len(samples) == pytest.approx(150, abs=2)


def test_samples_at_16_khz_are_passed_on_untouched(tmp_path, voice) -> None:
    sound = voice(1.0)
    soundfile.write(tmp_path / "x.wav", sound, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(decode(clip(tmp_path / "x.wav"), 12.0).samples, sound[:, 0])


def test_channels_are_averaged_or_chosen(tmp_path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (8000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, 16_000, subtype="FLOAT")
    path = tmp_path / "x.wav"
    np.testing.assert_allclose(decode(clip(path), 12.0).samples, sound.mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(decode(clip(path, channel=1), 12.0).samples, sound[:, 1])
    with pytest.raises(ClipError, match="channel 2, the file has 2"):
        decode(clip(path, channel=2), 12.0)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mp4"])
def test_only_the_first_seconds_are_used_and_said_to_be_cut(tmp_path, voice, write_media, suffix) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(3.0, 44_100), 44_100)
    audio = decode(clip(path), 1.0)
    assert audio.cut
    assert len(audio.samples) == 16_000
    whole = decode(clip(path), 12.0)
    np.testing.assert_allclose(audio.samples[:15_900], whole.samples[:15_900], atol=1e-6)
    np.testing.assert_allclose(audio.samples, whole.samples[:16_000], atol=1e-3)


def test_a_clip_of_exactly_max_seconds_is_not_cut(tmp_path, voice, write_media) -> None:
    assert not decode(clip(write_media(tmp_path / "x.wav", voice(1.0))), 1.0).cut


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp4"])
def test_segments(tmp_path, voice, write_media, suffix) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(3.0), 16_000)
    whole = decode(clip(path), 12.0).samples
    part = decode(clip(path, start=1.0, end=1.5), 12.0)
    np.testing.assert_allclose(part.samples, whole[16_000:24_000], atol=1e-6)
    assert not part.cut
    assert planned_seconds(clip(path, start=1.0, end=1.5)) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.5), (5.0, 6.0), (-1.0, 1.0), (0.5, 9.0)])
def test_segments_outside_the_file_are_named(tmp_path, voice, write_media, start, end) -> None:
    path = write_media(tmp_path / "x.wav", voice(2.0))
    with pytest.raises(ClipError) as error:
        decode(clip(path, start=start, end=end), 12.0)
    assert error.value.reason == "bad_segment"


def test_silence_is_cached_and_flagged(tmp_path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(8000), 16_000)
    assert decode(clip(tmp_path / "x.wav"), 12.0).rms_db == -120.0


def test_400_samples_are_enough_and_300_are_not(tmp_path, voice) -> None:
    soundfile.write(tmp_path / "a.wav", voice(1.0)[:400], 16_000)
    soundfile.write(tmp_path / "b.wav", voice(1.0)[:300], 16_000)
    assert len(decode(clip(tmp_path / "a.wav"), 12.0).samples) == 400
    with pytest.raises(ClipError, match="300 samples") as error:
        decode(clip(tmp_path / "b.wav"), 12.0)
    assert error.value.reason == "too_short"


def broken(kind: str, tmp_path, voice, write_media, write_silent_film):
    path = tmp_path / f"x.{kind.rsplit('.', 1)[1]}"
    if kind.startswith("empty"):
        path.write_bytes(b"")
    elif kind.startswith("text"):
        path.write_text("hello, this is no sound at all\n" * 20)
    elif kind.startswith("silent film"):
        write_silent_film(path)
    elif kind.startswith("nan"):
        sound = voice(1.0)
        sound[500] = np.nan
        soundfile.write(path, sound, 16_000, subtype="FLOAT")
    else:
        write_media(path, voice(3.0), 16_000)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty.mp3", "unreadable"),
        ("empty.mp4", "unreadable"),
        ("text.wav", "unreadable"),
        ("text.mp4", "unreadable"),
        ("silent film.mp4", "no_audio_stream"),
        ("nan.wav", "non_finite"),
        ("half.wav", "damaged"),
        ("half.mp3", "damaged"),
        ("half.flac", "damaged"),
        ("half.mkv", "damaged"),
        ("half.mp4", "unreadable"),
    ],
)
def test_bad_files_are_listed_with_a_fitting_reason(
    tmp_path, voice, write_media, write_silent_film, kind, reason
) -> None:
    path = broken(kind, tmp_path, voice, write_media, write_silent_film)
    with contextlib.suppress(ClipError):
        read_header(path)  # what a plan reads first: any other error would end it
    with pytest.raises(ClipError) as error:
        decode(clip(path), 12.0)
    assert error.value.reason == reason
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(tmp_path, voice, write_media) -> None:
    path = write_media(tmp_path / "x.wav", voice(1.0))
    path.chmod(0)
    with pytest.raises(ClipError, match="ermission"):
        decode(clip(path), 12.0)


def encode(path, sound, rate, codec, kind="fltp") -> None:
    """Write mono or 7.1 sound with FFmpeg's own encoder."""
    layout = {1: "mono", 8: "7.1"}[sound.shape[1]]
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(kind, layout, rate, frame_size=1152 if codec == "libmp3lame" else 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(track.encode(part))
        container.mux(track.encode())


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_mp3_of_ffmpeg_is_gapless_and_not_noise(tmp_path, voice, capfd, rate) -> None:
    """The mpg123 inside libsndfile turns frames of such files into noise, and says so on stderr alone."""
    noise = 0.01 * np.random.default_rng(0).standard_normal((4 * rate, 1)).astype(np.float32)
    sound = voice(4.0, rate) + noise
    encode(tmp_path / "x.mp3", sound, rate, "libmp3lame")
    heard = decode(clip(tmp_path / "x.mp3"), 12.0).samples
    assert len(heard) == pytest.approx(64_000, abs=1)
    expected = decode_module.soxr.resample(sound[:, 0], rate, 16_000)
    size = min(len(heard), len(expected))
    error = np.sqrt(np.mean((heard[:size] - expected[:size]).reshape(-1, 100) ** 2, axis=1))
    assert error.max() < 0.03  # of an amplitude of 0.3, in any hundredth of a second
    assert capfd.readouterr().err == ""


def test_the_length_of_an_mp3_without_a_length_tag_is_counted(tmp_path, voice) -> None:
    encode(tmp_path / "x.mp3", voice(4.0), 16_000, "libmp3lame")
    data = (tmp_path / "x.mp3").read_bytes()
    tag = data.index(b"Xing") if b"Xing" in data else data.index(b"Info")
    start = data.index(b"\xff\xf3", tag)
    (tmp_path / "x.mp3").write_bytes(data[start:])
    decoded = len(decode(clip(tmp_path / "x.mp3"), 12.0).samples) / 16_000
    assert planned_seconds(clip(tmp_path / "x.mp3")) == pytest.approx(decoded, rel=0.01)
    assert decoded == pytest.approx(4.0, abs=0.15)  # the padding that the tag would have told of is heard


def test_a_picture_before_the_first_frame_of_an_mp3_changes_nothing(tmp_path, voice) -> None:
    encode(tmp_path / "x.mp3", voice(2.0), 16_000, "libmp3lame")
    data = (tmp_path / "x.mp3").read_bytes()
    data = data[10 + int.from_bytes(data[6:10], "big") :] if data.startswith(b"ID3") else data
    size = 20_000
    tag = b"ID3\x04\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + bytes(size)
    (tmp_path / "tagged.mp3").write_bytes(tag + data)
    (tmp_path / "half.mp3").write_bytes((tag + data)[: size + len(data) // 2])
    assert planned_seconds(clip(tmp_path / "tagged.mp3")) == pytest.approx(2.0, abs=0.01)
    with pytest.raises(ClipError) as error:
        decode(clip(tmp_path / "half.mp3"), 12.0)
    assert error.value.reason == "damaged"


def test_eight_channels_do_not_crash_the_decoder(tmp_path, voice) -> None:
    """PyAV counts nine planes in such a frame and reads past them."""
    encode(tmp_path / "x.mp4", np.repeat(voice(1.0, 48_000), 8, axis=1), 48_000, "aac")
    mixed = decode(clip(tmp_path / "x.mp4"), 12.0).samples
    first = decode(clip(tmp_path / "x.mp4", channel=0), 12.0).samples
    assert np.corrcoef(mixed, first)[0, 1] > 0.95
    with pytest.raises(ClipError, match="channel 8, the file has 8"):
        decode(clip(tmp_path / "x.mp4", channel=8), 12.0)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mp4", ".webm"])
def test_segments_of_one_file_come_from_one_pass(tmp_path, voice, write_media, monkeypatch, suffix) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(4.0), 16_000)
    bounds = [(2.5, 3.0), (0.0, 1.0), (0.5, 1.5), (3.2, None), (3.0, 2.0), (1.0, 40.0)]
    clips = [SourceClip(str(i), path, path.name, start, end) for i, (start, end) in enumerate(bounds)]
    opened = []
    plain = decode_module.open_sound
    monkeypatch.setattr(decode_module, "open_sound", lambda path: opened.append(path) or plain(path))
    results = decode_file(clips, 0.8)
    assert len(opened) == 1
    whole = decode(clip(path), 12.0).samples
    for segment in clips[:4]:
        result = results[segment.clip_id]
        start = round(segment.start * 16_000)
        size = min(12_800, round(((segment.end or 4.0) - segment.start) * 16_000))
        inner = slice(100, size - 100)  # where resampling has seen both sides
        np.testing.assert_allclose(result.samples[inner], whole[start:][inner], atol=1e-3)
        assert result.cut == (segment.clip_id in "12") or segment.end is None
        assert result.sha256 == decode(segment, 0.8).sha256
    assert [results[name].reason for name in "45"] == ["bad_segment", "bad_segment"]


def test_what_is_no_file_is_refused_and_does_not_wait(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere.wav")
    for name, reason in (("pipe.wav", "unreadable"), ("link.wav", "not_found"), ("gone.wav", "not_found")):
        with pytest.raises(ClipError) as error:
            decode(clip(tmp_path / name), 12.0)
        assert error.value.reason == reason


@pytest.mark.parametrize("rate", [0, 1, 999, 4_294_967_295])
def test_sampling_rates_that_no_recorder_has_are_refused(tmp_path, voice, rate) -> None:
    soundfile.write(tmp_path / "x.wav", voice(0.5), 16_000)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    data[24:28] = struct.pack("<I", rate)
    (tmp_path / "x.wav").write_bytes(bytes(data))
    with pytest.raises(ClipError) as error:
        decode(clip(tmp_path / "x.wav"), 12.0)
    assert error.value.reason == "unreadable"


def test_a_long_clip_adds_little_memory_when_only_its_start_is_used(tmp_path, python) -> None:
    code = (
        "import resource, numpy, soundfile; from extract.audio.decode import decode;"
        "from extract.sources.clips import SourceClip;"
        f"from pathlib import Path; path = Path({str(tmp_path)!r}) / 'x.wav';"
        "file = soundfile.SoundFile(path, 'w', 44100, 2);"
        "[file.write(numpy.zeros((44100, 2), 'float32') + 0.1) for _ in range(300)]; file.close();"
        "short = decode(SourceClip('x', path, 'x', 0.0, 12.0), 12.0);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "long = decode(SourceClip('x', path, 'x'), 12.0); print(long.cut, len(long.samples),"
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    cut, samples, kilobytes = python("-c", code).stdout.split()
    assert (cut, int(samples)) == ("True", 192_000)
    assert int(kilobytes) < 20_000
