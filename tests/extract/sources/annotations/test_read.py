"""A file of annotations is a source: its segments are clips of the recordings beside it or in the media folders."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from cache.common.tables import read_table
from extract.errors import SourceError
from extract.sources.annotations.read import annotation_table
from extract.sources.find import find_all, find_clips

FILES = {
    "talk.rttm": "SPEAKER talk 1 0.5 1.25 <NA> <NA> anna <NA>\n",
    "talk.TextGrid": '"ooTextFile" "TextGrid" 0 2 <exists> 1 "IntervalTier" "anna" 0 2 1 0.5 1.75 "hello"',
    "talk.txt": "0.5\t1.75\thello\n",
    "talk.eaf": (
        "<A><TIME_SLOT TIME_SLOT_ID='a' TIME_VALUE='500'/><TIME_SLOT TIME_SLOT_ID='b' TIME_VALUE='1750'/>"
        "<TIER TIER_ID='anna'><ALIGNABLE_ANNOTATION TIME_SLOT_REF1='a' TIME_SLOT_REF2='b'/></TIER></A>"
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("recording", ["talk.wav", "talk.3gp"])
def test_segments_are_clips_of_their_recording(touch, tmp_path, name, recording) -> None:
    folder = touch(recording)
    (folder / name).write_text(FILES[name])
    source = find_clips(folder / name)
    expected = "talk/0.500-1.750" if name == "talk.txt" else "talk/anna/0.500-1.750"
    assert [(c.clip_id, c.shown, c.start, c.end) for c in source.clips] == [(expected, recording, 0.5, 1.75)]
    speaker = ",anna" if name != "talk.txt" else ","
    (folder / "labels.csv").write_text(f"path,speaker,start,end,joy\n{recording}{speaker},0.5,1.75,1\n")
    if recording == "talk.wav":
        assert read_table(folder / "labels.csv").ids() == [expected]  # labels find the same clips


def test_recordings_lie_in_the_media_folders_where_there_are_some(touch, tmp_path) -> None:
    folder = touch("sound/talk.wav", "sound/talk_anna.wav", "notes/x.wav")
    (folder / "notes/a.rttm").write_text(FILES["talk.rttm"] + "SPEAKER gone 1 0 1 <NA> <NA> ben <NA>\n")
    source = find_all([folder / "notes/a.rttm"], [folder / "sound"])
    assert [clip.shown for clip in source.clips] == ["talk_anna.wav"]  # a speaker's own recording comes first
    assert [failure.clip_id for failure in source.failures] == ["gone/ben/0.000-1.000"]
    with pytest.raises(SourceError, match="none of its 2 clips"):
        find_clips(folder / "notes/a.rttm")


def test_other_kinds_name_the_table_expected(touch) -> None:
    with pytest.raises(SourceError, match=r"\.srt is not read; expected a table with columns path,start,end"):
        find_clips(touch("talk.srt") / "talk.srt")
    folder = touch("talk.wav")
    (folder / "empty.rttm").write_text(";; nothing\n")
    with pytest.raises(TableError, match="no segments"):
        find_clips(folder / "empty.rttm")


def test_a_table_is_none(touch, tmp_path) -> None:
    (tmp_path / "ids.txt").write_text("00001\n")
    (tmp_path / "m.csv").write_text("clip_id,path\nx,a.wav\n")
    assert annotation_table(tmp_path / "ids.txt") is annotation_table(tmp_path / "m.csv") is None
