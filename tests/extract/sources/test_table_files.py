"""The file of each row: by its id in the first media folder that has it, or by its path inside its folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.errors import SourceError
from extract.sources.find import find_clips


def ids(source) -> list[str]:
    return [clip.clip_id for clip in source.clips]


def table(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_split_csv_finds_its_files_in_the_first_folder_that_has_them(touch, tmp_path) -> None:
    touch("audio/00001.mp3", "raw/00001.mp4", "raw/00002.mp4")
    (tmp_path / "train_split.csv").write_text("Filename,Joy\n00002,0\n00001,1\n00003,1\n")
    source = find_clips(tmp_path / "train_split.csv", [tmp_path / "audio", tmp_path / "raw"])
    assert [(clip.clip_id, clip.shown) for clip in source.clips] == [
        ("00002", "00002.mp4"),
        ("00001", "00001.mp3"),
    ]
    assert [(failure.clip_id, failure.reason) for failure in source.failures] == [("00003", "not_found")]


def test_ids_need_media_and_media_need_the_ids(touch, tmp_path) -> None:
    touch("media/a/00001.wav")
    table = tmp_path / "ids.txt"
    table.write_text("00001\n")
    with pytest.raises(SourceError, match="--media"):
        find_clips(table)
    with pytest.raises(SourceError, match="which holds a/00001"):
        find_clips(table, [tmp_path / "media"])
    with pytest.raises(SourceError, match="no such folder"):
        find_clips(table, [tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("files", "ids", "hint"),
    [
        (["m/audio/00000.wav"], ["00000"], r"which holds audio/00000: pass --media .*m/audio\)"),
        (["m/00000.wav"], ["audio/00000"], "which holds 00000, not audio/00000"),
        (["m/00042.wav"], ["42"], "which holds 00042: ids are text"),
        (["m/Anna.wav"], ["anna"], "which holds Anna"),
        (["m/x.wav"], ["y"], r"which holds x\)"),
        (["m/notes.txt"], ["y"], "which holds no clip at all"),
    ],
)
def test_ids_that_match_nothing_get_a_hint(touch, tmp_path, files, ids, hint) -> None:
    touch(*files)
    with pytest.raises(SourceError, match=hint):
        find_clips(table(tmp_path, "\n".join(["clip_id", *ids]) + "\n"), [tmp_path / "m"])


def test_the_exact_id_comes_before_one_with_a_suffix_less(touch, tmp_path) -> None:
    touch("m/c1.wav", "m/c1.mp4.wav", "m/c2.mp4.wav", "m/c2.wav", "other/c3.mp4.wav", "m/c3.wav")
    folders = [tmp_path / "m", tmp_path / "other"]
    found = find_clips(table(tmp_path, "filename,Joy\nc1.mp4,0.2\nc2.mp4.wav,0.5\nc3.mp4,1\n"), folders)
    assert [(clip.clip_id, clip.shown) for clip in found.clips] == [
        ("c1.mp4", "c1.mp4.wav"),
        ("c2.mp4", "c2.mp4.wav"),
        ("c3.mp4", "c3.mp4.wav"),
    ]
    assert list(found.splits) == ["c1.mp4", "c2.mp4", "c3.mp4"]
    plain = find_clips(table(tmp_path, "filename,Joy\nc1,0.2\nc2.mov,0.5\n"), folders)
    assert [(clip.clip_id, clip.shown) for clip in plain.clips] == [("c1", "c1.wav"), ("c2", "c2.wav")]
    assert sorted(ids(find_clips(tmp_path / "m"))) == ["c1", "c1.mp4", "c2", "c2.mp4", "c3"]


def test_ids_that_nearly_match_are_counted(touch, tmp_path) -> None:
    touch("m/00012.wav", "m/00013.wav")
    with pytest.raises(SourceError, match=r"2 of the 3 would match without leading zeros \('12', '00012'\)"):
        find_clips(table(tmp_path, "Filename,Joy\n12,0\n13,1\n77,1\n"), [tmp_path / "m"])
