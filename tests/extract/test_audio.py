"""Every container we claim decodes to the sound it holds, and bad files say what is wrong with them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from extract.audio import decode, header_seconds
from extract.errors import ClipError
from extract.sources import SourceClip

ALL = [".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".mov", ".mkv", ".webm"]


def clip(path, **options) -> SourceClip:
    return SourceClip("x", path, path.name, **options)


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_every_container_decodes_to_its_sound(tmp_path, voice, write_media, suffix, rate, channels) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(2.0, rate, channels), rate)
    audio = decode(clip(path), 12.0)
    assert not audio.cut
    assert len(audio.samples) == pytest.approx(32_000, abs=1_700)  # codecs pad by a packet or two
    assert header_seconds(clip(path)) == pytest.approx(2.0, abs=0.15)
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
    assert header_seconds(clip(path, start=1.0, end=1.5)) == pytest.approx(0.5, abs=0.1)


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
    header_seconds(clip(path))
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
