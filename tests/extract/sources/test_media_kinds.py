"""A file is media by its name or by its first bytes; whatever else it is has a word of its own."""

from __future__ import annotations

import os

import pytest

from extract.sources import media_kinds
from extract.sources.folders import index_files
from extract.sources.media_kinds import id_text, is_media, looks_like


def test_every_file_has_its_kind_in_the_order_given(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(media_kinds, "AT_ONCE", 2)
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "b.wav").write_bytes(b"")
    (tmp_path / "c.bin").write_bytes(b"OggS\x00\x02")
    (tmp_path / "d").write_bytes(b"")
    (tmp_path / "e.dat").symlink_to(tmp_path / "nowhere")
    (tmp_path / "f.dat").symlink_to(tmp_path / "c.bin")
    os.mkfifo(tmp_path / "g.dat")
    kinds = looks_like(sorted(tmp_path.iterdir()))
    assert {path.name: kind for path, kind in kinds} == {
        "a.txt": ".txt", "b.wav": "called so", "c.bin": "sound", "d": "without suffix", "e.dat": "link to nowhere",
        "f.dat": "sound", "g.dat": "no regular file",
    }  # fmt: skip
    assert [each.path.name for each in kinds if each.is_media] == ["b.wav", "c.bin", "f.dat"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_counted_as_such(tmp_path) -> None:
    (tmp_path / "a.dat").write_bytes(b"OggS")
    (tmp_path / "a.dat").chmod(0)
    assert looks_like([tmp_path / "a.dat"])[0].kind == "cannot be read"


def test_no_more_than_the_first_bytes_are_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "sparse.dat"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    seen: list[int] = []
    monkeypatch.setattr(media_kinds, "is_sound", lambda head: bool(seen.append(len(head))))
    assert not is_media(path)
    assert seen == [media_kinds.HEAD_BYTES]


@pytest.mark.parametrize(
    ("name", "clip_id", "whole"),
    [
        ("sub/a.3GP", "sub/a", "sub/a.3GP"), ("a.ts", "a", "a.ts"), ("a.wav", "a", "a.wav"),
        ("a.05", "a.05", "a.05"),
        ("v1.2/talk", "v1.2/talk", "v1.2/talk"), ("c1.mp4.wav", "c1.mp4", "c1.mp4.wav"),
        ("c1.mp4.aac", "c1.mp4", "c1.mp4.aac"),
    ],
)  # fmt: skip
def test_only_a_suffix_that_means_sound_is_cut_and_only_once(tmp_path, name, clip_id, whole) -> None:
    assert list(index_files(tmp_path, [tmp_path / name]).files) == [clip_id]
    assert id_text(name, keep_suffix=True).removesuffix(".wav") == whole.removesuffix(".wav")
