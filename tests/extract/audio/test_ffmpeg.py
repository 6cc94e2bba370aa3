"""What FFmpeg reads: mp3 without noise or gaps, lengths without a tag, eight channels."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from extract.audio.decode import decode
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
