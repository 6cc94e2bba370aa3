"""A manifest that was edited after its clips were cached: another segment, channel or file is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader, verify
from cache.common import durable
from cache.common.errors import StorageError
from extract.options import ExtractOptions
from extract.run import updates
from extract.run.extract import extract
from extract.run.summary import Summary, as_text
from extract.run.updates import touched_clips
from extract.sources.clips import SourceClip

HEADER = "clip_id,path,start,end,channel"
ROWS = ("a,talk.wav,0,1,0", "b,talk.wav,1,2,1", "c,talk.wav,1,,0")

Run = Callable[..., Summary]


@pytest.fixture
def run(tmp_path, voice, write_media, options) -> Run:
    """Extract a manifest of a file of 3 s whose two channels differ; return the summary."""
    sound = np.concatenate([voice(3.0, seed=0), voice(3.0, seed=40)], axis=1)
    write_media(tmp_path / "talk.wav", sound)
    write_media(tmp_path / "twin.wav", sound[::-1])
    for name in ("talk.wav", "twin.wav"):
        os.utime(tmp_path / name, (1, 1))  # of one size and time, as an archive unpacks them

    def run(*rows: str, update: bool = False) -> Summary:
        (tmp_path / "m.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        return extract(tmp_path / "m.csv", tmp_path / "c", replace(options, update=update))

    return run


@pytest.mark.parametrize(
    ("number", "row"),
    [
        (0, "a,talk.wav,0.5,1.5,0"),
        (0, "a,talk.wav,0,1.5,0"),
        (0, "a,talk.wav,0,0.8,0"),
        (0, "a,talk.wav,0,,0"),
        (0, "a,talk.wav,0,1,1"),
        (0, "a,talk.wav,0,1,"),
        (0, "a,twin.wav,0,1,0"),
        (1, "b,talk.wav,1,2,0"),
        (2, "c,talk.wav,1,2.5,0"),
        (2, "c,talk.wav,0.5,,0"),
    ],
)
def test_a_changed_row_is_counted_and_extracted_again(run, tmp_path, options, number, row) -> None:
    run(*ROWS)
    same = run(*ROWS, update=True)
    assert (same.touched, same.resegmented, same.updated) == (0, 0, 0)
    rows = list(ROWS)
    rows[number] = row
    plain = run(*rows)
    assert (plain.extracted, plain.touched, plain.resegmented) == (0, 1, 1)
    assert "1 cached clip with another segment, channel or file than when extracted; --update" in as_text(
        plain
    )
    assert run(*rows, update=True).updated == 1
    assert (run(*rows).touched, run(*rows, update=True).updated) == (0, 0)
    extract(tmp_path / "m.csv", tmp_path / "new", options)
    fresh, kept = CacheReader(tmp_path / "new"), CacheReader(tmp_path / "c")
    for field in ("start", "num_samples", "audio_sha256", "source"):
        assert list(fresh.clip_table(f"clips/{field}", list("abc"))) == list(
            kept.clip_table(f"clips/{field}", list("abc"))
        )


def test_a_note_counts_for_its_segment_only(run, tmp_path) -> None:
    run(*ROWS)
    os.utime(tmp_path / "talk.wav", (2, 2))
    assert run(*ROWS, update=True).updated == 0
    assert run(*ROWS).touched == 0
    changed = ("a,talk.wav,0.5,1.5,0", "b,talk.wav,1,2,0", ROWS[2])
    assert run(*changed).touched == 2
    assert run(*changed, update=True).updated == 2


def test_a_segment_that_its_file_cuts_short_is_compared_once(run) -> None:
    rows = ("a,talk.wav,1,3.15,0",)
    run(*rows)
    assert run(*rows, update=True).updated == 0
    assert run(*rows).touched == 0


def test_a_path_written_in_another_way_is_the_same_file(run, tmp_path) -> None:
    run("a,talk.wav,0,1,0")
    assert run("a,./talk.wav,0,1,0").touched == 0
    assert run(f"a,{tmp_path / 'talk.wav'},0,1,0").touched == 0


def test_a_note_that_cannot_be_written_hides_no_error(run, tmp_path, monkeypatch) -> None:
    run(*ROWS)
    os.utime(tmp_path / "talk.wav", (2, 2))

    def full(*_: object) -> None:
        raise StorageError("disk full")

    def broken(clip: SourceClip, *how: float) -> None:
        if clip.clip_id == "b":
            raise RuntimeError("the real fault")
        return plain(clip, *how)

    plain = updates.decode
    monkeypatch.setattr(durable, "replace_file", full)
    assert run(*ROWS, update=True).updated == 0
    monkeypatch.setattr(updates, "decode", broken)
    with pytest.raises(RuntimeError, match="the real fault"):
        run(*ROWS, update=True)


def test_without_a_cached_clip_nothing_is_touched(tmp_path) -> None:
    assert touched_clips({}, [], tmp_path, ExtractOptions()) == {}


def test_headers_are_read_for_open_segments_only(run, tmp_path, clips, options, monkeypatch) -> None:
    read: list[str] = []
    plain = updates.header_of
    monkeypatch.setattr(
        updates, "header_of", lambda sound, rules: read.append(sound.path.name) or plain(sound, rules)
    )
    run(*ROWS)
    run(*ROWS)
    assert read == ["talk.wav"]
    sources = [tmp_path / "m.csv", clips]
    for _ in range(2):
        extract(sources, tmp_path / "c", options)
    assert set(read) == {"talk.wav"}, "a folder's clips are whole files"


def test_update_decodes_a_file_that_sounds_as_before_only_once(
    tmp_path, voice, write_media, options, monkeypatch
) -> None:
    folder, update = tmp_path / "clips", replace(options, update=True)
    for number in range(2):
        write_media(folder / f"{number}.wav", voice(0.5, seed=number))
    extract(folder, tmp_path / "c", options)
    decoded = []
    plain = updates.decode
    monkeypatch.setattr(
        updates, "decode", lambda clip, *how: decoded.append(clip.clip_id) or plain(clip, *how)
    )

    def updated(decodes: list[str]) -> None:
        decoded.clear()
        assert extract(folder, tmp_path / "c", update).extracted == 0
        assert decoded == decodes

    os.utime(folder / "1.wav", (1, 1))
    assert extract(folder, tmp_path / "c", options).touched == 1
    updated(["1"])
    updated([])
    assert extract(folder, tmp_path / "c", options).touched == 0
    os.utime(folder / "1.wav", (2, 2))
    updated(["1"])
    (tmp_path / "c" / "heard.json").write_text("[3]")
    updated(["1"])
    write_media(folder / "1.wav", voice(0.7, seed=9))
    assert extract(folder, tmp_path / "c", update).updated == 1
    updated([])
    assert verify(tmp_path / "c").findings == ()


def test_update_extracts_again_what_sounds_different_and_nothing_else(
    tmp_path, voice, write_media, options
) -> None:
    folder = tmp_path / "clips"
    for number in range(6):
        write_media(folder / f"{number}.wav", voice(0.5, seed=number))
    extract(folder, tmp_path / "c", options)
    before = {clip_id: CacheReader(tmp_path / "c")[clip_id].frames["vad"] for clip_id in "012345"}
    write_media(folder / "2.wav", voice(0.7, seed=9))
    os.utime(folder / "4.wav", (1, 1))  # copied: another time, the same sound
    plain = extract(folder, tmp_path / "c", options)
    assert (plain.extracted, plain.touched) == (0, 2)
    update = replace(options, update=True)
    summary = extract(folder, tmp_path / "c", update)
    assert (summary.extracted, summary.updated, summary.cached) == (1, 1, 6)
    reader = CacheReader(tmp_path / "c")
    assert reader.num_frames("2") == 34
    for clip_id in "01345":
        np.testing.assert_array_equal(reader[clip_id].frames["vad"], before[clip_id])
    assert verify(tmp_path / "c").findings == ()
    assert extract(folder, tmp_path / "c", update).extracted == 0
    assert extract(folder, tmp_path / "c", options).touched == 0, "its sound was compared"
    (folder / "3.wav").write_bytes(b"broken now")
    broken = extract(folder, tmp_path / "c", update)
    assert [failure.reason for failure in broken.failures] == ["unreadable"]
    np.testing.assert_array_equal(CacheReader(tmp_path / "c")["3"].frames["vad"], before["3"])
