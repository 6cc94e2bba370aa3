"""Folders become clips: ids are paths, links are followed once, two files of one id are refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from extract.errors import SourceError
from extract.sources.file_names import shown_path
from extract.sources.find import find_clips
from extract.sources.folders import index_files, known_split, media_files


def ids(source) -> list[str]:
    return [clip.clip_id for clip in source.clips]


def test_a_folder_gives_relative_paths_without_suffix(touch) -> None:
    source = find_clips(
        touch("00001.wav", "sub/00042.mp4", "sub/ü 1.MP3", "notes.txt", ".hidden.wav", "._x.mp3")
    )
    assert ids(source) == ["00001", "sub/00042", "sub/ü 1"]
    assert [clip.shown for clip in source.clips] == ["00001.wav", "sub/00042.mp4", "sub/ü 1.MP3"]
    assert source.no_media.kinds == {".txt": 1, "hidden": 2}


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
    files, no_media = media_files(touch("b/1.WAV", "a.mp3", "notes", "x.csv"))
    assert [shown_path(path, tmp_path) for path in files] == ["a.mp3", "b/1.WAV"]
    assert no_media.kinds == {"without suffix": 1, ".csv": 1}
    assert list(index_files(tmp_path, files).files) == ["a", "b/1"]


WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def test_sound_is_known_by_its_content_and_keeps_a_suffix_that_says_nothing(touch, tmp_path) -> None:
    folder = touch("talk.dat", "2024.05.01", "recording", "c1.mp4.snd", "code.ts", "b.AVI")
    for name in ("talk.dat", "2024.05.01", "recording", "c1.mp4.snd"):
        (folder / name).write_bytes(WAV)
    source = find_clips(folder)
    assert sorted(ids(source)) == ["2024.05.01", "b", "c1.mp4", "recording", "talk"]
    assert source.no_media.kinds == {".ts": 1}


def test_a_file_of_a_new_kind_takes_no_id_of_an_older_cache(touch) -> None:
    source = find_clips(touch("x.wav", "x.aac", "y.aac", "y.3gp", "z.amr"))
    assert {clip.clip_id: clip.shown for clip in source.clips} == {
        "x": "x.wav", "x.aac": "x.aac", "y.aac": "y.aac", "y.3gp": "y.3gp", "z": "z.amr"
    }  # fmt: skip


def test_names_that_are_no_ids_are_one_entry_each_and_the_rest_goes_on(touch, tmp_path) -> None:
    folder = os.fsencode(touch("good.wav", "a\nb.wav", " .wav", "x\x1b[2J.wav"))
    os.mkdir(folder + b"/\xff")
    for name in (b"caf\xe9.wav", b"\xff/x.wav"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"x")
    source = find_clips(tmp_path)
    assert ids(source) == ["good"]
    assert {f.clip_id: f.message.partition(";")[0].rpartition(", ")[2] for f in source.failures} == {
        "a\\nb.wav": "holds control characters",
        "x\\x1b[2J.wav": "holds control characters",
        " .wav": "is no clip id",
        "caf\\xe9.wav": "is not UTF-8",
        "\\xff/x.wav": "is not UTF-8",
    }
    assert {(f.stage, f.reason, f.path == f.clip_id) for f in source.failures} == {
        ("source", "bad_name", True)
    }


def test_many_files_are_sorted_out_quickly(tmp_path) -> None:
    paths = [tmp_path / f"{number}.{'wav' if number % 2 else 'txt'}" for number in range(10_000)]
    for path in paths:
        path.write_bytes(b"x")
    begin = time.process_time()
    files, no_media = media_files(tmp_path)
    assert len(index_files(tmp_path, files).files) == no_media.files == 5_000
    assert time.process_time() - begin < 4  # a tenth of them; half a second here
