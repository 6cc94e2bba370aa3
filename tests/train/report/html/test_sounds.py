"""The sounds of a page: found by the one id rule, linked as nothing but a path, embedded only within a limit."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from train.errors import RunError
from train.report.html.sounds import embedded, find_sounds, linked


def made(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def test_a_clip_is_the_path_without_suffix_and_sound_comes_before_video(tmp_path):
    media = made(
        tmp_path / "m", "sub/00042.wav", "00042.flac", "a.mp4", "a.wav", "b.csv", "c1.mp4.wav", "d.AAC"
    )
    found = find_sounds(["sub/00042", "00042", "a", "b", "c1", "c1.mp4", "d", "42"], [media])
    names = {clip: path.relative_to(media).as_posix() for clip, path in found.items()}
    assert names == {
        "sub/00042": "sub/00042.wav",
        "00042": "00042.flac",
        "a": "a.wav",
        "c1.mp4": "c1.mp4.wav",
        "d": "d.AAC",
    }


def test_the_first_folder_counts(tmp_path):
    one, two = made(tmp_path / "1", "a.wav"), made(tmp_path / "2", "a.wav", "b.wav")
    found = find_sounds(["a", "b"], [one, two])
    assert found == {"a": one / "a.wav", "b": two / "b.wav"}


HOSTILE = [
    "javascript:alert(1)",
    "a b",
    "50%",
    "x?y#z",
    "ä/é",
    "<img src=x>",
    "'\"&",
    "data:text,html",
    "\\\\host",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_link_is_a_path_below_the_page_and_nothing_else(name, tmp_path):
    media = made(tmp_path / "media", f"{name}.wav")
    out = tmp_path / "pages" / "deep"
    link = linked({name: media / f"{name}.wav"}, out)[name]
    assert re.fullmatch(r"[\w.~%/-]+", link, re.ASCII)
    assert not urlsplit(link).scheme
    address = urljoin((out / "report.html").as_uri(), link)
    assert urlsplit(address).scheme == "file"
    assert unquote(urlsplit(address).path) == str(media / f"{name}.wav")


def test_embedded_bytes_are_those_of_the_file(tmp_path):
    media = made(tmp_path / "m", "a.wav", "b.aiff")
    found = embedded({"a": media / "a.wav", "b": media / "b.aiff"}, 1)
    assert found["a"].startswith("data:audio/wav;base64,")
    assert base64.b64decode(found["a"].partition(",")[2]) == b"a.wav"
    assert found["b"].startswith("data:audio/unknown;base64,")


def test_more_than_the_limit_is_refused_before_a_byte_is_read(tmp_path):
    big = tmp_path / "a.wav"
    with big.open("wb") as file:
        file.truncate(3_000_000)
    assert len(embedded({"a": big}, 3.0)["a"]) > 3_000_000
    with pytest.raises(RunError, match=r"1 sound of 3\.0 MB, more than --embed-limit 2\.9 MB; raise it"):
        embedded({"a": big}, 2.9)


def test_folders_that_hold_no_clip_are_refused(tmp_path):
    other = made(tmp_path / "other", "x.wav")
    with pytest.raises(RunError, match=r"none of the 2 clips, such as 'a'; found 'x.wav'"):
        find_sounds(["a", "b"], [other])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="found no media file"):
        find_sounds(["a"], [tmp_path / "empty"])
    with pytest.raises(RunError, match="no such folder"):
        find_sounds(["a"], [tmp_path / "nowhere"])
