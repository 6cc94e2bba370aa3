"""Folders become clips: ids are paths, links are followed once, two files of one id are refused."""

from __future__ import annotations

import pytest

from extract.errors import SourceError
from extract.sources.find import find_clips
from extract.sources.folders import index_files, known_split, media_files, shown_path


def ids(source) -> list[str]:
    return [clip.clip_id for clip in source.clips]


def test_a_folder_gives_relative_paths_without_suffix(touch) -> None:
    source = find_clips(
        touch("00001.wav", "sub/00042.mp4", "sub/ü 1.MP3", "notes.txt", ".hidden.wav", "._x.mp3")
    )
    assert ids(source) == ["00001", "sub/00042", "sub/ü 1"]
    assert [clip.shown for clip in source.clips] == ["00001.wav", "sub/00042.mp4", "sub/ü 1.MP3"]
    assert source.ignored == {".txt": 1}


def test_links_are_followed_but_never_in_circles(touch, tmp_path) -> None:
    touch("a/1.wav", "elsewhere/2.wav")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a" / "circle").symlink_to(tmp_path / "a")
    assert ids(find_clips(tmp_path / "a")) == ["1", "link/2"]


def test_one_id_for_two_files_names_both(touch) -> None:
    with pytest.raises(SourceError, match=r"00001\.mp3 and 00001\.wav"):
        find_clips(touch("00001.wav", "00001.mp3"))


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("Val", "valid"), ("test_split", "test"), ("valid_split", "valid"), ("talks", "")],
)
def test_a_split_is_known_by_its_name(name, split) -> None:
    assert known_split(name) == split


def test_every_file_has_its_id_and_a_name_that_can_be_stored(touch, tmp_path) -> None:
    files, ignored = media_files(touch("b/1.WAV", "a.mp3", "notes", "x.csv"))
    assert [shown_path(path, tmp_path) for path in files] == ["a.mp3", "b/1.WAV"]
    assert dict(ignored) == {"without suffix": 1, ".csv": 1}
    assert list(index_files(tmp_path, files)) == ["a", "b/1"]
