"""Transcripts as people have them: tables, folders, single files; ids as those of sound; one transcript a clip."""

from __future__ import annotations

import json

import pytest

from cache.common.errors import TableError
from extract.errors import SourceError
from extract.transcripts.forms.find import find_transcripts
from extract.transcripts.table import UNKNOWN, recipe_path


def texts(*sources) -> dict[str, str]:
    return {one.clip_id: one.text for one in find_transcripts(sources).all}


def test_a_folder_of_every_kind(tmp_path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("one\n two ")
    (tmp_path / "sub" / "b.wav.json").write_text(json.dumps({"text": "three"}))
    (tmp_path / "c.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nfour\n")
    (tmp_path / "d.VTT").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nfive\n")
    (tmp_path / "notes.md").write_text("no transcript")
    (tmp_path / ".e.txt").write_text("hidden")
    found = find_transcripts([tmp_path])
    assert texts(tmp_path) == {"a": "one two", "sub/b": "three", "c": "four", "d": "five"}
    assert found.recipe == UNKNOWN
    assert {one.shown for one in found.all} == {"a.txt", "sub/b.wav.json", "c.srt", "d.VTT"}


def test_a_file_that_is_none_is_listed_and_the_others_are_taken(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.json").write_text("{}")
    found = find_transcripts([tmp_path])
    assert [one.clip_id for one in found.all] == ["a"]
    assert [(f.clip_id, f.stage, f.reason) for f in found.failures] == [("b", "source", "unreadable")]


def whisper_writes(folder, name: str, words: bool) -> None:
    """Leave what ``whisper --output_format all`` leaves for a clip in which two pieces are said."""
    timed = [{"word": " two", "start": 1.0, "end": 1.5}, {"word": " three.", "start": 1.5, "end": 2.0}]
    segments = [
        {"start": 0.0, "end": 1.0, "text": " One,"},
        {"start": 1.0, "end": 2.0, "text": " two three.", **({"words": timed} if words else {})},
    ]
    whole = {"text": " One, two three.", "segments": segments, "language": "en"}
    (folder / f"{name}.json").write_text(json.dumps(whole))
    (folder / f"{name}.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:01.000\nOne,\n\n00:01.000 --> 00:02.000\ntwo three.\n\n"
    )
    (folder / f"{name}.srt").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\nOne,\n\n2\n00:00:01,000 --> 00:00:02,000\ntwo three.\n\n"
    )
    (folder / f"{name}.tsv").write_text("start\tend\ttext\n0\t1000\tOne,\n1000\t2000\ttwo three.\n")
    (folder / f"{name}.txt").write_text("One,\ntwo three.\n")


def test_of_what_whisper_leaves_side_by_side_the_form_that_says_most_is_taken(tmp_path) -> None:
    whisper_writes(tmp_path, "a", words=True)
    whisper_writes(tmp_path, "b.wav", words=False)
    pieces = {}
    for gone in ("", ".json", ".vtt", ".srt", ".tsv"):
        for path in tmp_path.glob(f"*{gone}") if gone else ():
            path.unlink()
        found = find_transcripts([tmp_path])
        assert {one.text for one in found.all} == {"One, two three."}
        pieces[gone] = [len(one.words) for one in found.all]
        assert found.failures == ()
        if gone == "":
            assert found.notes == ("2 clips with json, vtt, srt, tsv, txt side by side: json is taken",)
    assert pieces == {"": [3, 2], ".json": [2, 2], ".vtt": [2, 2], ".srt": [2, 2], ".tsv": [0, 0]}
    assert found.notes == ()


def test_a_broken_form_is_passed_over_and_named_and_another_table_is_none(tmp_path) -> None:
    whisper_writes(tmp_path, "a", words=True)
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "corpus.tsv").write_text("id\tage\na\t7\n")
    found = find_transcripts([tmp_path])
    assert [(one.clip_id, one.shown) for one in found.all] == [("a", "a.vtt")]
    assert found.notes[1:] == ("passed over, not readable: a.json",)
    for path in tmp_path.glob("a.*"):
        path.write_bytes(b"\xff")
    found = find_transcripts([tmp_path])
    assert [(f.clip_id, f.path) for f in found.failures] == [("a", "a.json")]


def test_a_single_tsv_of_whisper_is_a_transcript_and_no_table(tmp_path) -> None:
    whisper_writes(tmp_path, "a", words=False)
    assert texts(tmp_path / "a.tsv") == {"a": "One, two three."}


def test_two_transcripts_of_one_clip_are_refused(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a.txt").write_text("one")
    (tmp_path / "two" / "a.srt").write_text("")
    with pytest.raises(SourceError, match=r"clip a has two transcripts, in .*a\.txt and .*a\.srt"):
        find_transcripts([tmp_path / "one", tmp_path / "two"])
    (tmp_path / "one" / "a.wav.txt").write_text("one")
    with pytest.raises(SourceError, match=r"clip a has two transcripts, in .*a\.txt and .*a\.wav\.txt"):
        find_transcripts([tmp_path / "one"])
    (tmp_path / "t.csv").write_text("clip_id,text\nb,x\nb,y\n")
    with pytest.raises(TableError, match="clip id b stands in lines 2 and 3"):
        find_transcripts([tmp_path / "t.csv"])


def test_single_files_and_tables_together(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "t.csv").write_text("clip_id,text\nb,two\n")
    assert texts(tmp_path / "a.txt", tmp_path / "t.csv") == {"a": "one", "b": "two"}


def test_tables_made_in_two_ways_are_no_one_source(tmp_path) -> None:
    for name in ("one", "two"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"clip_id,text\n{name},x\n")
        recipe_path(path).write_text(json.dumps({"model": name}))
    assert find_transcripts([tmp_path / "one.csv"]).recipe == {"model": "one"}
    with pytest.raises(SourceError, match="two ways"):
        find_transcripts([tmp_path / "one.csv", tmp_path / "two.csv"])


@pytest.mark.parametrize("name", ["none.csv", "sound.wav", "empty"])
def test_what_is_no_source_is_one_line(tmp_path, name) -> None:
    (tmp_path / "sound.wav").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="expected"):
        find_transcripts([tmp_path / name])
