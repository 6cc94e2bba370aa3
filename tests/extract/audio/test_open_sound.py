"""What a file is, its first bytes say; what is no file is refused at once."""

from __future__ import annotations

import os

import pytest

from extract.audio.decode import decode
from extract.audio.open_sound import open_sound
from extract.errors import ClipError


def test_what_is_no_file_is_refused_and_does_not_wait(clip, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere.wav")
    for name, reason in (("pipe.wav", "unreadable"), ("link.wav", "not_found"), ("gone.wav", "not_found")):
        with pytest.raises(ClipError) as error:
            decode(clip(tmp_path / name), 12.0)
        assert error.value.reason == reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(clip, tmp_path, voice, write_media) -> None:
    path = write_media(tmp_path / "x.wav", voice(1.0))
    path.chmod(0)
    with pytest.raises(ClipError, match="ermission"):
        decode(clip(path), 12.0)


@pytest.mark.parametrize(
    ("suffix", "decoder"),
    [
        (".wav", "LibsndfileDecoder"),
        (".ogg", "LibsndfileDecoder"),
        (".mp3", "FfmpegDecoder"),
        (".mp4", "FfmpegDecoder"),
    ],
)
def test_the_first_bytes_choose_the_decoder_not_the_name(
    tmp_path, voice, write_media, suffix, decoder
) -> None:
    path = write_media(tmp_path / f"x{suffix}", voice(0.5))
    sound = open_sound(path.rename(tmp_path / "x.dat"))
    sound.close()
    assert type(sound).__name__ == decoder


def test_a_container_that_libsndfile_does_not_know_goes_to_ffmpeg(tmp_path, encode, voice) -> None:
    encode(tmp_path / "x.avi", voice(0.5), 16_000, "libmp3lame")
    assert (tmp_path / "x.avi").read_bytes().startswith(b"RIFF")
    sound = open_sound(tmp_path / "x.avi")
    sound.close()
    assert (sound.container, sound.codec) == ("avi", "mp3float")
