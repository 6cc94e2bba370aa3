"""Folders, manifests and split CSVs become clips with ids; what cannot be understood is one line."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from extract.errors import SourceError
from extract.sources.find import find_clips


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


def test_missing_and_empty_sources_are_one_line(touch, tmp_path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"no audio or video files \(found 1 \.txt\)"):
        find_clips(touch("a.txt"))
    with pytest.raises(SourceError, match="single clip"):
        find_clips(touch("a.wav") / "a.wav")


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


def test_a_manifest_names_files_segments_channels_and_splits(touch, tmp_path) -> None:
    touch("talks/long.wav")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "clip_id,path,start,end,channel,split\n"
        "a,talks/long.wav,0,2.5,0,Train\nb,talks/long.wav,2.5,,1,Val\nc,gone.wav,,,,test\n"
    )
    source = find_clips(manifest)
    assert [(c.clip_id, c.start, c.end, c.channel, c.split) for c in source.clips] == [
        ("a", 0.0, 2.5, 0, "train"),
        ("b", 2.5, None, 1, "valid"),
    ]
    assert source.failures[0].clip_id == "c"


def test_a_manifest_never_leaves_its_folders(touch, tmp_path) -> None:
    touch("secret/x.wav", "data/y.wav")
    manifest = tmp_path / "data" / "m.csv"
    for path in ("../secret/x.wav", str(tmp_path / "secret" / "x.wav")):
        manifest.write_text(f"clip_id,path\na,{path}\n")
        with pytest.raises(SourceError, match=r"line 2: .* lies outside .* --media"):
            find_clips(manifest)
        assert ids(find_clips(manifest, [tmp_path / "secret"])) == ["a"]


def test_a_manifest_with_a_bad_number_names_line_and_column(touch, tmp_path) -> None:
    touch("x.wav")
    (tmp_path / "m.csv").write_text("clip_id,path,start\na,x.wav,soon\n")
    with pytest.raises(TableError, match=r"line 2, column start: 'soon'"):
        find_clips(tmp_path / "m.csv")
