"""What FFmpeg reads: mp3, lengths that are no promises, timelines with late starts and gaps, several tracks."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import soxr

from extract.audio.decode import decode
from extract.audio.headers import read_header
from extract.audio.rules import FIRST
from extract.audio.samples import rms_db
from extract.errors import ClipError


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_mp3_of_ffmpeg_is_gapless_and_not_noise(encode, clip, tmp_path, voice, capfd, rate) -> None:
    """The mpg123 inside libsndfile turns frames of such files into noise, and says so on stderr alone."""
    noise = 0.01 * np.random.default_rng(0).standard_normal((4 * rate, 1)).astype(np.float32)
    sound = voice(4.0, rate) + noise
    encode(tmp_path / "x.mp3", sound, rate, "libmp3lame")
    heard = decode(clip(tmp_path / "x.mp3"), 12.0).samples
    assert len(heard) == pytest.approx(64_000, abs=1)
    expected = soxr.resample(sound[:, 0], rate, 16_000)
    size = min(len(heard), len(expected))
    error = np.sqrt(np.mean((heard[:size] - expected[:size]).reshape(-1, 100) ** 2, axis=1))
    assert error.max() < 0.03  # of an amplitude of 0.3, in any hundredth of a second
    assert capfd.readouterr().err == ""


def test_the_length_of_an_mp3_without_a_length_tag_is_counted(
    encode, planned_seconds, clip, tmp_path, voice
) -> None:
    encode(tmp_path / "x.mp3", voice(4.0), 16_000, "libmp3lame")
    data = (tmp_path / "x.mp3").read_bytes()
    tag = data.index(b"Xing") if b"Xing" in data else data.index(b"Info")
    start = data.index(b"\xff\xf3", tag)
    (tmp_path / "x.mp3").write_bytes(data[start:])
    decoded = len(decode(clip(tmp_path / "x.mp3"), 12.0).samples) / 16_000
    assert planned_seconds(clip(tmp_path / "x.mp3")) == pytest.approx(decoded, rel=0.01)
    assert decoded == pytest.approx(4.0, abs=0.15)  # the padding that the tag would have told of is heard


def test_a_picture_before_the_first_frame_of_an_mp3_changes_nothing(
    encode, planned_seconds, clip, tmp_path, voice
) -> None:
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


def test_eight_channels_do_not_crash_the_decoder(encode, clip, tmp_path, voice) -> None:
    """PyAV counts nine planes in such a frame and reads past them."""
    encode(tmp_path / "x.mp4", np.repeat(voice(1.0, 48_000), 8, axis=1), 48_000, "aac")
    mixed = decode(clip(tmp_path / "x.mp4"), 12.0).samples
    first = decode(clip(tmp_path / "x.mp4", channel=0), 12.0).samples
    assert np.corrcoef(mixed, first)[0, 1] > 0.95
    with pytest.raises(ClipError, match="channel 8, the file has 8"):
        decode(clip(tmp_path / "x.mp4", channel=8), 12.0)


CONTAINERS = [
    ("x.mp4", "aac", "mpeg4", None), ("x.mkv", "aac", "mpeg4", None), ("x.webm", "libopus", "libvpx", None),
    ("x.ts", "aac", "mpeg2video", None), ("x.flv", "aac", "flv", None), ("x.mpg", "mp2", "mpeg1video", "mpeg"),
]  # fmt: skip


@pytest.mark.parametrize(
    "form", [*CONTAINERS, ("x.m4a", "aac", None, "ipod"), ("x.webm", "libopus", None, None)]
)
def test_segments_count_from_the_start_of_the_film_not_of_its_sound(
    tmp_path, clip, tones, track, write_tracks, pitch, form
) -> None:
    """Sound of 300, 410, 520, 630 Hz from 0.7 s on, as screen and camera recorders write it."""
    name, codec, pictures, kind = form
    late = track(tones(4.0, 48_000), 48_000, codec, delay=0.7)
    path = write_tracks(tmp_path / name, late, pictures=pictures, kind=kind)
    for second, start in ((0, 0.8), (2, 2.8), (3, 3.8)):
        part = decode(clip(path, start=start, end=start + 0.8), 12.0)
        assert len(part.samples) == 12_800
        assert pitch(part.samples) == pytest.approx(300 + 110 * second, abs=4)
        assert part.notes["sound_start"] == pytest.approx(0.7, abs=0.03)
    straddling = decode(clip(path, start=0.2, end=1.2), 12.0)
    assert straddling.notes["filled_seconds"] == pytest.approx(0.5, abs=0.03)
    assert not straddling.samples[:7_000].any()
    assert len(straddling.samples) == 16_000
    with pytest.raises(ClipError, match=r"the sound begins at 0\.[67]") as error:
        decode(clip(path, start=0.1, end=0.6), 12.0)
    assert error.value.reason == "no_sound"
    with pytest.raises(ClipError) as error:
        decode(clip(path, start=4.5, end=5.5), 12.0)
    assert error.value.reason == "bad_segment"


def test_a_whole_clip_stays_as_it_is_and_says_when_its_sound_begins(
    tmp_path, clip, tones, track, write_tracks
) -> None:
    late = write_tracks(tmp_path / "late.mkv", track(tones(2.0), delay=1.0), pictures="mpeg4")
    prompt = write_tracks(tmp_path / "prompt.mkv", track(tones(2.0)), pictures="mpeg4")
    whole = decode(clip(late), 12.0)
    assert whole.sha256 == decode(clip(prompt), 12.0).sha256 == decode(clip(late), 12.0, FIRST).sha256
    assert whole.notes == {"sound_start": 1.0}
    assert decode(clip(prompt), 12.0).notes == decode(clip(late), 12.0, FIRST).notes == {}
    first = decode(clip(late, start=1.0, end=1.9), 12.0, FIRST).samples
    np.testing.assert_array_equal(
        first, whole.samples[16_000:30_400], "a cache of the first version goes on so"
    )


def test_sound_that_begins_late_alone_in_a_file_is_no_damage(
    tmp_path, clip, tones, track, write_tracks
) -> None:
    """Matroska's DURATION is the end on the timeline."""
    path = write_tracks(tmp_path / "x.webm", track(tones(2.0, 48_000), 48_000, "libopus", delay=0.5))
    assert len(decode(clip(path), 12.0).samples) == pytest.approx(32_000, abs=320)
    assert read_header(path).promised == pytest.approx(2.0, abs=0.02)
    assert read_header(path).start == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("form", CONTAINERS)
def test_missing_packets_are_silence_of_their_length(
    tmp_path, clip, tones, track, write_tracks, pitch, form
) -> None:
    """A second and a half is lost in the middle: what follows stays where it was."""
    name, codec, pictures, kind = form
    holed = track(tones(6.0, 48_000), 48_000, codec, lost=(2.0, 3.5))
    path = write_tracks(tmp_path / name, holed, pictures=pictures, kind=kind)
    whole = decode(clip(path), 12.0)
    assert len(whole.samples) == pytest.approx(96_000, abs=800)
    assert whole.notes["filled_seconds"] == pytest.approx(1.5, abs=0.03)
    assert pitch(whole.samples[65_000:79_000]) == pytest.approx(740, abs=4)
    assert pitch(decode(clip(path, start=4.1, end=4.9), 12.0).samples) == pytest.approx(740, abs=4)
    half = decode(clip(path, start=1.5, end=2.5), 12.0)
    assert half.notes["filled_seconds"] == pytest.approx(0.5, abs=0.06)
    with pytest.raises(ClipError, match="no sound there") as error:
        decode(clip(path, start=2.2, end=3.0), 12.0)
    assert error.value.reason == "no_sound"
    first = decode(clip(path, start=2.6, end=3.4), 12.0, FIRST).samples
    assert pitch(first) == pytest.approx(740, abs=4), "a cache of the first version knows no gaps"


def joined_mp3(path, encode, sounds) -> None:
    data = b""
    for number, (sound, rate) in enumerate(sounds):
        part = path.with_name(f"{number}.mp3")
        encode(part, sound, rate, "libmp3lame")
        frames = part.read_bytes()
        tag = max(frames.find(b"Xing"), frames.find(b"Info"))
        data += frames[frames.index(b"\xff", tag + 200) :]
    path.write_bytes(data)


def test_a_stream_may_change_its_rate_and_its_channels(tmp_path, clip, encode, tones, pitch) -> None:
    """48, 44.1, 24 kHz and mono, stereo, mono: each part keeps pitch, length and level."""
    sounds = [(tones(1.0, 48_000), 48_000), (tones(1.0, 44_100, 2), 44_100), (tones(1.0, 24_000), 24_000)]
    joined_mp3(tmp_path / "x.mp3", encode, sounds)
    audio = decode(clip(tmp_path / "x.mp3"), 12.0)
    assert audio.notes["changes"] >= 2  # FFmpeg gives the first frame of a part the rate of the one before
    assert len(audio.samples) == pytest.approx(48_000, abs=3_200)  # each part has an encoder's padding
    for begin in (4_000, 20_500, 37_000):
        part = audio.samples[begin : begin + 8_000]
        assert pitch(part) == pytest.approx(300, abs=3)
        assert rms_db(part) == pytest.approx(-13.5, abs=0.5)


def test_channels_that_go_away_leave_the_chosen_one_that_is_left(tmp_path, clip, encode, tones) -> None:
    stereo = tones(9.0, 16_000, 2) * np.float32([1.0, 0.5])
    joined_mp3(tmp_path / "x.mp3", encode, [(stereo, 16_000), (tones(1.0), 16_000)])
    audio = decode(clip(tmp_path / "x.mp3", channel=1), 12.0)
    assert rms_db(audio.samples[4_000:12_000]) == pytest.approx(-19.5, abs=0.5)
    assert rms_db(audio.samples[-10_000:-4_000]) == pytest.approx(-13.5, abs=0.5)


@pytest.fixture
def two_tracks(tmp_path, tones, track, write_tracks):
    """A silent stereo track first; the second, a tone of 410 Hz, is marked as default."""
    silent, tone = np.zeros((32_000, 2), np.float32), np.concatenate([tones(2.0)[16_000:]] * 2)
    return write_tracks(tmp_path / "x.mkv", track(silent), track(tone, default=True))


def test_the_default_audio_stream_is_taken_or_the_one_that_is_asked_for(two_tracks, clip, pitch) -> None:
    audio = decode(clip(two_tracks), 12.0)
    assert pitch(audio.samples[4_000:12_000]) == pytest.approx(410, abs=3)
    assert audio.notes == {"audio_stream": 1, "audio_streams": 2}
    assert decode(clip(two_tracks, audio_stream=1), 12.0).sha256 == audio.sha256
    first = decode(clip(two_tracks, audio_stream=0), 12.0)
    assert first.rms_db == -120.0
    assert decode(clip(two_tracks), 12.0, FIRST).rms_db == -120.0, "a cache of the first version goes on so"
    header = read_header(two_tracks)
    assert (header.tracks, header.channels, read_header(two_tracks, 0).channels) == (2, 1, 2)
    with pytest.raises(ClipError, match=r"audio stream 2, the file has 2 \(from 0\)"):
        decode(clip(two_tracks, audio_stream=2), 12.0)


def test_without_a_default_the_first_stream_is_taken(
    tmp_path, clip, tones, track, write_tracks, pitch
) -> None:
    high = np.concatenate([tones(2.0)[16_000:]] * 2).repeat(2, axis=1)
    path = write_tracks(tmp_path / "x.ts", track(tones(1.0)), track(high))
    assert pitch(decode(clip(path), 12.0).samples[4_000:12_000]) == pytest.approx(300, abs=3)


@pytest.mark.parametrize("quiet_first", [True, False])
def test_an_estimated_length_is_no_promise(tmp_path, clip, tones, track, write_tracks, quiet_first) -> None:
    """Raw AAC says no length; FFmpeg guesses it from the bit rate of the first packets, too long or too short."""
    noise = 0.3 * np.random.default_rng(0).standard_normal((32_000, 1)).astype(np.float32)
    parts = [tones(8.0) * np.float32(0.001), noise]
    sound = np.concatenate(parts if quiet_first else parts[::-1])
    path = write_tracks(tmp_path / "x.aac", track(sound), kind="adts")
    header = read_header(path)
    assert (header.promised, header.seconds) == (None, pytest.approx(10.0, abs=0.2))
    assert len(decode(clip(path), 12.0).samples) == pytest.approx(160_000, abs=2_100)
    assert len(decode(clip(path, start=8.5, end=9.5), 12.0).samples) == 16_000
    with pytest.raises(ClipError, match=r"segment 11-12 s, the file ends before") as error:
        decode(clip(path, start=11.0, end=12.0), 12.0)
    assert error.value.reason == "bad_segment"
    with pytest.raises(ClipError, match=r"segment 9-12 s, the file ends at 10\.") as error:
        decode(clip(path, start=9.0, end=12.0), 12.0)
    assert error.value.reason == "bad_segment"


def test_edit_lists_count(tmp_path, clip, tones, track, write_tracks, pitch) -> None:
    """An edit that leaves the first second out: the film begins with the second one."""
    path = write_tracks(tmp_path / "x.m4a", track(tones(4.0)))
    data = bytearray(path.read_bytes())
    place = data.index(b"elst")
    count, duration, begin = struct.unpack(">3I", data[place + 8 : place + 20])
    assert count == 1
    timescale = struct.unpack(">I", data[data.index(b"mvhd") + 16 : data.index(b"mvhd") + 20])[0]
    data[place + 12 : place + 20] = struct.pack(">2I", duration - timescale, begin + 16_000)
    path.write_bytes(bytes(data))
    whole = decode(clip(path), 12.0)
    assert pitch(whole.samples[1_000:15_000]) == pytest.approx(410, abs=4)
    assert whole.notes == {}
    assert pitch(decode(clip(path, start=1.1, end=1.9), 12.0).samples) == pytest.approx(520, abs=4)


def test_a_length_of_nothing_is_no_promise(tmp_path, clip, tones, track, write_tracks) -> None:
    """WavPack, as a pipe leaves it: its first block says 0 samples in all."""
    path = write_tracks(tmp_path / "x.wv", track(tones(2.0), codec="wavpack"))
    data = bytearray(path.read_bytes())
    data[12:16] = bytes(4)
    path.write_bytes(bytes(data))
    assert read_header(path).promised is None
    assert len(decode(clip(path), 12.0).samples) == 32_000
    assert len(decode(clip(path, start=1.0, end=1.5), 12.0).samples) == 8_000
