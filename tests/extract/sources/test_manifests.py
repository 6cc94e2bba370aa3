"""Tables as people have them: segments without ids, dialects of headers, and hints for what is not found."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import TableError
from cache.common.tables import read_table
from extract.errors import SourceError
from extract.sources.find import find_all, find_clips


def table(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_segments_of_conversations_get_ids_from_what_they_are(touch, tmp_path) -> None:
    touch("media/c1/anna.wav", "media/c2.wav")
    path = table(
        tmp_path,
        "conversation_id,speaker_id,start_sec,end_sec,split,Joy\n"
        "c1,anna,12.5,17.25,train,0.5\nc2,ben,0,3,val,0.1\nc2,carl,1e1,12.0,test,0.1\n",
    )
    source = find_clips(path, [tmp_path / "media"])
    assert [(c.clip_id, c.shown, c.start, c.end, c.split) for c in source.clips] == [
        ("c1/anna/12.500-17.250", "c1/anna.wav", 12.5, 17.25, "train"),
        ("c2/ben/0.000-3.000", "c2.wav", 0.0, 3.0, "valid"),
        ("c2/carl/10.000-12.000", "c2.wav", 10.0, 12.0, "test"),
    ]
    assert read_table(path).ids() == [clip.clip_id for clip in source.clips]  # labels find the same clips


def test_the_same_segments_written_by_a_spreadsheet_have_the_same_ids(tmp_path) -> None:
    one = read_table(table(tmp_path, "path,start,end\na.wav,1,2.50\n", "one.csv")).ids()
    other = read_table(table(tmp_path, "path,start,duration\na.wav,1.0,1.5\n", "two.csv")).ids()
    assert one == other == ["a/1.000-2.500"]


def test_channels_of_one_file_are_two_clips(touch, tmp_path) -> None:
    touch("a.wav")
    source = find_clips(table(tmp_path, "path,start,end,channel\na.wav,0,1,0\na.wav,0,1,1\n"))
    assert [(c.clip_id, c.channel) for c in source.clips] == [
        ("a/channel0/0.000-1.000", 0),
        ("a/channel1/0.000-1.000", 1),
    ]
    with pytest.raises(TableError, match=r"line 2, column channel: 'left' is not a channel"):
        find_clips(table(tmp_path, "path,channel\na.wav,left\n"))


def test_numbers_that_are_none_are_named(touch, tmp_path) -> None:
    touch("a.wav")
    for value in ("soon", "nan", "inf"):
        with pytest.raises(TableError, match="line 2, column end"):
            find_clips(table(tmp_path, f"clip_id,path,end\nx,a.wav,{value}\n"))


@pytest.mark.parametrize(
    ("header", "row", "clip_id", "split"),
    [
        ("filename,Anger,Boredom", "dev_1.wav,0,1", "dev_1", ""),
        ("File_ID,Split,Awe", "[58712],Val,1", "58712", "valid"),
        ("FileName,EmoClass,EmoAct,SpkrID,Gender,Split_Set", "MSP_1.wav,H,4,7,F,Test1", "MSP_1", "test"),
        ("Filename,Admiration", "00042,0.5", "00042", ""),
    ],
)
def test_header_dialects(touch, tmp_path, header, row, clip_id, split) -> None:
    touch(f"media/{clip_id}.wav")
    source = find_clips(table(tmp_path, f"{header}\n{row}\n"), [tmp_path / "media"])
    assert [(c.clip_id, c.split) for c in source.clips] == [(clip_id, split)]


def test_splits_come_from_columns_files_or_folders(touch, tmp_path) -> None:
    touch("media/train/1.wav", "media/other/2.wav")
    folder = find_clips(tmp_path / "media")
    assert folder.splits == {"train/1": "train", "other/2": ""}
    train = table(tmp_path, "Filename\ntrain/1\n", "train_split.csv")
    valid = table(tmp_path, "Filename\nother/2\nother/3\n", "valid_split.csv")
    both = find_all([train, valid], [tmp_path / "media"])
    assert both.splits == {"train/1": "train", "other/2": "valid", "other/3": "valid"}
    assert [failure.clip_id for failure in both.failures] == ["other/3"]
    with pytest.raises(
        SourceError, match=r"clip id train/1 stands in .*train_split\.csv and in .*again\.csv"
    ):
        find_all([train, table(tmp_path, "Filename\ntrain/1\n", "again.csv")], [tmp_path / "media"])


def test_names_may_be_as_long_and_odd_as_a_file_system_allows(touch, tmp_path) -> None:
    names = ["é" * 60, "日本語 クリップ", "a" * 240, "with spaces, commas; and 'quotes'", "e\u0301clair"]
    touch(*(f"media/{name}.wav" for name in names))
    (tmp_path / "media" / "link.wav").symlink_to(tmp_path / "media" / f"{names[0]}.wav")
    ids = {clip.clip_id for clip in find_clips(tmp_path / "media").clips}
    assert len(ids) == 6
    assert {"link", "éclair"} <= ids  # composed and decomposed accents are one id


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


def test_a_manifest_with_a_bad_number_names_line_and_column(touch, tmp_path) -> None:
    touch("x.wav")
    (tmp_path / "m.csv").write_text("clip_id,path,start\na,x.wav,soon\n")
    with pytest.raises(TableError, match=r"line 2, column start: 'soon'"):
        find_clips(tmp_path / "m.csv")


@pytest.mark.parametrize("column", ["audio_stream", "Audio Stream", "audio_track"])
def test_a_manifest_chooses_audio_streams(touch, tmp_path, column) -> None:
    folder = touch("film.mp4")
    rows = f"clip_id,path,{column}\na,film.mp4,1\nb,film.mp4,\nc,film.mp4,0.0\n"
    (folder / "m.csv").write_text(rows)
    clips = find_clips(folder / "m.csv").clips
    assert [clip.audio_stream for clip in clips] == [1, None, 0]
    for bad in ("first", "-1", "1.5", "²"):
        (folder / "m.csv").write_text(rows.replace("film.mp4,1\n", f"film.mp4,{bad}\n"))
        with pytest.raises(TableError, match=r"line 2, column .* is not an audio stream \(0, 1, \.\.\.\)"):
            find_clips(folder / "m.csv")


def test_two_audio_streams_of_one_segment_are_two_clips(touch) -> None:
    folder = touch("film.mp4")
    (folder / "m.csv").write_text("path,start,end,audio_stream\nfilm.mp4,1,2,0\nfilm.mp4,1,2,1\n")
    ids = [clip.clip_id for clip in find_clips(folder / "m.csv").clips]
    assert ids == ["film/stream0/1.000-2.000", "film/stream1/1.000-2.000"]
