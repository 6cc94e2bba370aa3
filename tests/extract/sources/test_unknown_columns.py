"""Columns of a manifest that nothing understands: near misses are errors, others are named, never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache.common.errors import TableError
from extract.__main__ import app
from extract.errors import SourceError
from extract.sources.find import find_all, find_clips


def table(folder: Path, header: str, row: str) -> Path:
    (folder / "a.wav").write_bytes(b"x")
    (folder / "m.csv").write_text(f"{header}\n{row}\n")
    return folder / "m.csv"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("begin", "start"),
        ("Begin_Sec", "start"),
        ("onset", "start"),
        ("from", "start"),
        ("strat", "start"),
        ("start_s", "start"),
        ("stop", "end"),
        ("offset", "start' or 'end"),
        ("to", "end"),
        ("end_ms", "end"),
        ("chanel", "channel"),
        ("ch", "channel"),
        ("Channels", "channel"),
    ],
)
def test_a_near_miss_of_a_known_column_is_an_error(tmp_path, column, expected) -> None:
    path = table(tmp_path, f"clip_id,path,{column},split", "x,a.wav,1,train")
    with pytest.raises(TableError, match=rf"line 1: column '{column}' is not known; call it '{expected}' \("):
        find_clips(path)


def test_a_near_miss_beside_the_column_itself_is_another_column(tmp_path) -> None:
    path = table(tmp_path, "clip_id,path,start,end,offset,length", "x,a.wav,0,1,7,7")
    assert find_clips(path).unused == {str(path): ("offset", "length")}


def test_a_length_matters_only_where_a_segment_starts(tmp_path) -> None:
    for header in ("clip_id,path,start,length", "clip_id,path,start,durations"):
        with pytest.raises(TableError, match=r"call it 'duration' \(seconds\)"):
            find_clips(table(tmp_path, header, "x,a.wav,0,1"))
    assert find_clips(table(tmp_path, "clip_id,path,length", "x,a.wav,9")).unused


@pytest.mark.parametrize("column", ["wav", "audio", "audio_file", "wav_path", "pth"])
def test_a_table_without_a_path_column_says_so(tmp_path, column) -> None:
    path = table(tmp_path, f"clip_id,{column},Joy", "x,a.wav,1")
    (tmp_path / "media").mkdir()
    for media in ((), (tmp_path / "media",)):
        with pytest.raises(SourceError, match=rf"no column 'path' among clip_id, {column}, Joy"):
            find_clips(path, media)


def test_other_columns_are_named_once_and_do_no_harm(tmp_path) -> None:
    path = table(tmp_path, "clip_id,path,Joy,topic,speaker,split", "x,a.wav,1,sea,anna,train")
    assert find_all([path]).unused == {str(path): ("Joy", "topic")}
    result = CliRunner().invoke(app, ["plan", str(path), "--out", str(tmp_path / "c"), "--model", "logmel"])
    assert f"  {path}: columns not used: Joy, topic\n" in result.stdout
    many = ",".join(f"e{n}" for n in range(40))
    path = table(tmp_path, f"clip_id,path,{many}", "x,a.wav" + ",0" * 40)
    result = CliRunner().invoke(app, ["plan", str(path), "--out", str(tmp_path / "c"), "--model", "logmel"])
    assert "columns not used: e0, e1, e2, e3, e4, e5, e6, e7 and 32 more\n" in result.stdout


def test_a_run_names_unused_columns(tmp_path, voice, write_media, options) -> None:
    from extract.run.extract import extract
    from extract.run.summary import as_json, as_text

    path = table(tmp_path, "clip_id,path,mood", "x,a.wav,1")
    write_media(tmp_path / "a.wav", voice(0.5))
    summary = extract(path, tmp_path / "c", options)
    assert f"  {path}: columns not used: mood" in as_text(summary)
    assert as_json(summary)["unused_columns"] == {str(path): ("mood",)}


def test_tables_of_ids_and_labels_keep_their_columns(tmp_path) -> None:
    path = table(tmp_path, "Filename,Joy,offset,begin", "a,1,2,3")
    assert find_clips(path, [tmp_path]).unused == {}
