"""The file of each row of a manifest: by its path as it is written, then in other spellings of the same name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cache.common.tables import read_table
from extract.errors import SourceError
from extract.sources.find import find_clips


def ids(source) -> list[str]:
    return [clip.clip_id for clip in source.clips]


def table(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_manifest_never_leaves_its_folders(touch, tmp_path) -> None:
    touch("secret/x.wav", "data/y.wav")
    manifest = tmp_path / "data" / "m.csv"
    for path in ("../secret/x.wav", str(tmp_path / "secret" / "x.wav")):
        manifest.write_text(f"clip_id,path\na,{path}\n")
        with pytest.raises(SourceError, match=r"line 2: .* lies outside .* --media"):
            find_clips(manifest)
        assert ids(find_clips(manifest, [tmp_path / "secret"])) == ["a"]


def shown(source) -> dict[str, str]:
    return {clip.clip_id: clip.path.name for clip in source.clips}


def test_a_backslash_is_a_name_where_there_is_such_a_file_and_else_a_separator(touch, tmp_path) -> None:
    touch("sub/a.wav", "c\\d.wav", "c/d.wav")
    path = table(tmp_path, "clip_id,path\na,sub\\a.wav\nb,c\\d.wav\nc,c/d.wav\ngone,x\\y.wav\n")
    source = find_clips(path)
    assert shown(source) == {"a": "a.wav", "b": "c\\d.wav", "c": "d.wav"}
    assert [failure.message for failure in source.failures] == [f"no file x\\y.wav in {tmp_path}"]


def test_blanks_around_a_name_are_part_of_it_where_there_is_such_a_file(touch, tmp_path) -> None:
    touch(" a b.wav", "a b.wav", "end .wav ", "c.wav")
    rows = 'one," a b.wav"\ntwo,a b.wav\nthree,"end .wav "\nfour, c.wav\n'
    assert shown(find_clips(table(tmp_path, "clip_id,path\n" + rows))) == {
        "one": " a b.wav", "two": "a b.wav", "three": "end .wav ", "four": "c.wav"
    }  # fmt: skip


def test_decomposed_letters_are_found_by_composed_ones_and_the_other_way_round(touch, tmp_path) -> None:
    touch("e\u0301.wav", "\u00fc.wav")
    rows = "one,\u00e9.wav\ntwo,u\u0308.wav\n"
    assert set(shown(find_clips(table(tmp_path, "clip_id,path\n" + rows)))) == {"one", "two"}


def test_a_name_that_no_file_can_have_is_not_found(touch, tmp_path) -> None:
    touch("a.wav")
    rows = [("a", "a.wav"), ("long", "x" * 300), ("nul", "a\0")]
    lines = "".join(json.dumps({"clip_id": clip_id, "path": path}) + "\n" for clip_id, path in rows)
    source = find_clips(table(tmp_path, lines, "m.jsonl"))
    assert ids(source) == ["a"]
    assert {f.clip_id: f.path for f in source.failures} == {"long": "x" * 300, "nul": r"a\x00"}


AUDFORMAT = (
    "file,start,end,arousal\n"
    "sub/a.wav,0 days 00:00:00,0 days 00:00:00.8,0.4\n"
    "sub/a.wav,0 days 00:00:00.8,0 days 00:00:01.9,0.6\n"
    "sub/a.wav,0 days 00:00:01.9,NaT,0.6\n"
    "sub/b.wav,0 days,NaT,0.6\n"
)


def test_the_index_of_audformat_names_segments(touch, tmp_path) -> None:
    touch("sub/a.wav", "sub/b.wav")
    path = table(tmp_path, AUDFORMAT)
    source = find_clips(path)
    assert [(c.clip_id, c.shown, c.start, c.end) for c in source.clips] == [
        ("sub/a/0.000-0.800", "sub/a.wav", 0.0, 0.8),
        ("sub/a/0.800-1.900", "sub/a.wav", 0.8, 1.9),
        ("sub/a/1.900-end", "sub/a.wav", 1.9, None),
        ("sub/b", "sub/b.wav", 0.0, None),
    ]
    assert read_table(path).ids() == ids(source)  # labels find the same clips
    plain = AUDFORMAT.replace("0 days 00:00:0", "").replace("0 days", "0").replace("NaT", "")
    assert read_table(table(tmp_path, plain, "plain.csv")).ids() == ids(source)
    one_row = "\n".join(AUDFORMAT.splitlines()[:2]) + "\n"  # an id does not depend on the other rows
    assert read_table(table(tmp_path, one_row, "one.csv")).ids() == ["sub/a/0.000-0.800"]


def test_a_file_of_audformat_without_suffix_is_searched_like_an_id(touch, tmp_path) -> None:
    touch("media/sub/a.mp3", "media/b.mp3")
    rows = "file,start,end\nsub/a,0,1\nb.wav,0,1\n"
    source = find_clips(table(tmp_path, rows), [tmp_path / "media"])
    assert [(clip.clip_id, clip.shown) for clip in source.clips] == [("sub/a/0.000-1.000", "sub/a.mp3")]
    assert [failure.path for failure in source.failures] == ["b.wav"]  # b.mp3 is another file


def test_an_id_beside_the_file_stays_the_id(touch, tmp_path) -> None:
    touch("media/x.wav")
    path = table(tmp_path, "clip_id,file,start,end\nx,x.wav,0,1\n", "m.csv")
    assert ids(find_clips(path, [tmp_path / "media"])) == ["x"]
