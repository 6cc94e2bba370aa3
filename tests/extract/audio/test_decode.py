"""Every container we claim decodes to the sound it holds, and bad files say what is wrong with them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cache import CacheReader
from extract.__main__ import app
from extract.audio import decode as decode_module
from extract.audio.decode import decode, decode_file
from extract.audio.headers import read_header
from extract.audio.rules import FIRST
from extract.errors import ClipError
from extract.sources.clips import SourceClip

ALL = [".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".mov", ".mkv", ".webm"]


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


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_every_container_decodes_to_its_sound(
    planned_seconds, clip, tmp_path, voice, write_media, suffix, rate, channels
) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(2.0, rate, channels), rate)
    audio = decode(clip(path), 12.0)
    assert not audio.cut
    assert audio.notes == {}
    for segment in (clip(path), clip(path, start=0.5, end=1.5)):
        assert decode(segment, 12.0).sha256 == decode(segment, 12.0, FIRST).sha256, "as ever"
    assert len(audio.samples) == pytest.approx(32_000, abs=1_700)  # codecs pad by a packet or two
    assert planned_seconds(clip(path)) == pytest.approx(2.0, abs=0.15)
    reference = voice(2.0)[:, 0]
    lags = [
        np.corrcoef(audio.samples[4000 + lag : 28_000 + lag], reference[4000:28_000])[0, 1]
        for lag in range(-110, 1200)
    ]
    assert max(lags) > 0.97
    assert audio.rms_db == pytest.approx(20 * np.log10(np.sqrt(np.mean(reference**2))), abs=1)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mp4"])
def test_only_the_first_seconds_are_used_and_said_to_be_cut(
    clip, tmp_path, voice, write_media, suffix
) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(3.0, 44_100), 44_100)
    audio = decode(clip(path), 1.0)
    assert audio.cut
    assert len(audio.samples) == 16_000
    whole = decode(clip(path), 12.0)
    np.testing.assert_allclose(audio.samples[:15_900], whole.samples[:15_900], atol=1e-6)
    np.testing.assert_allclose(audio.samples, whole.samples[:16_000], atol=1e-3)


def test_a_clip_of_exactly_max_seconds_is_not_cut(clip, tmp_path, voice, write_media) -> None:
    assert not decode(clip(write_media(tmp_path / "x.wav", voice(1.0))), 1.0).cut


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp4"])
def test_segments(planned_seconds, clip, tmp_path, voice, write_media, suffix) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(3.0), 16_000)
    whole = decode(clip(path), 12.0).samples
    part = decode(clip(path, start=1.0, end=1.5), 12.0)
    np.testing.assert_allclose(part.samples, whole[16_000:24_000], atol=1e-6)
    assert not part.cut
    assert planned_seconds(clip(path, start=1.0, end=1.5)) == pytest.approx(0.5, abs=0.1)


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
    clip, tmp_path, voice, write_media, write_silent_film, kind, reason
) -> None:
    path = broken(kind, tmp_path, voice, write_media, write_silent_film)
    with contextlib.suppress(ClipError):
        read_header(path)  # what a plan reads first: any other error would end it
    with pytest.raises(ClipError) as error:
        decode(clip(path), 12.0)
    assert error.value.reason == reason
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mp4", ".webm"])
def test_segments_of_one_file_come_from_one_pass(
    clip, tmp_path, voice, write_media, monkeypatch, suffix
) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(4.0), 16_000)
    bounds = [(2.5, 3.0), (0.0, 1.0), (0.5, 1.5), (3.2, None), (3.0, 2.0), (1.0, 40.0)]
    clips = [SourceClip(str(i), path, path.name, start, end) for i, (start, end) in enumerate(bounds)]
    opened = []
    plain = decode_module.open_sound
    monkeypatch.setattr(
        decode_module, "open_sound", lambda path, *more: opened.append(path) or plain(path, *more)
    )
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


def test_a_run_lists_segments_without_sound_and_takes_the_stream_that_is_asked_for(
    tmp_path, tones, track, write_tracks
) -> None:
    """The film's first stream begins at 1 s; its second is silent and the default one."""
    late, silent = track(tones(3.0), delay=1.0), track(np.zeros((64_000, 1), np.float32), default=True)
    write_tracks(tmp_path / "film.mkv", late, silent, pictures="mpeg4")
    rows = "clip_id,path,start,end,audio_stream\nearly,film.mkv,.2,.8,0\nfirst,film.mkv,2,2.9,0\n"
    (tmp_path / "m.csv").write_text(rows + "default,film.mkv,2,2.9,\n")
    arguments = ["run", str(tmp_path / "m.csv"), "--model", "logmel", "--out"]
    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "c")])
    assert result.exit_code == 3
    assert "early: no_sound: segment 0.2-0.8 s, the sound begins at 1.00 s" in result.stdout
    assert "2 clips from files with several audio streams: default, first" in result.stdout
    reader = CacheReader(tmp_path / "c")
    silent_clips = dict(zip(reader.clip_ids, reader.clip_table("clips/silent").tolist(), strict=True))
    assert silent_clips == {"first": False, "default": True}
    assert reader.clip_table("clips/source", ["first"]).tolist() == ["film.mkv#audio_stream=0"]
    CliRunner().invoke(app, [*arguments, str(tmp_path / "d"), "--audio-stream", "0"])
    assert not CacheReader(tmp_path / "d").clip_table("clips/silent").any()
    planned = CliRunner().invoke(app, ["plan", *arguments[1:], str(tmp_path / "e")])
    assert "early: no_sound" in planned.stdout
    assert "3 clips of files with several audio streams" in planned.stdout
