"""Media behind URLs: a folder's files become clips as those of a local folder do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import StorageError
from extract.errors import SourceError
from extract.sources.far_files import far_files, far_stat
from extract.sources.find import find_all

NAMES = ("train/a.wav", "train/sub/ä b%41.mp3", "valid/c.mp4", "notes.txt", ".hidden/d.wav", "e")


@pytest.fixture
def raw(bucket):
    for name in NAMES:
        (bucket / "raw").storage.put_if_absent(name, name.encode())
    return bucket / "raw"


def test_sizes_and_times_are_those_of_the_store(raw) -> None:
    files = far_files(raw)
    assert sorted(str(path.relative_to(raw)) for path in files) == sorted(NAMES)
    size, modified_ns = far_stat(raw / "train" / "a.wav")
    assert size == 11
    assert modified_ns > 1.7e18
    assert far_stat(raw / "none.wav") is None


def test_a_folder_of_media_is_taken_by_names(raw) -> None:
    source = find_all([raw])
    assert {clip.clip_id: (str(clip.path), clip.split) for clip in source.clips} == {
        "train/a": (f"{raw}/train/a.wav", "train"),
        "train/sub/ä b%41": (f"{raw}/train/sub/ä b%41.mp3", "train"),
        "valid/c": (f"{raw}/valid/c.mp4", "valid"),
    }
    assert dict(source.no_media.kinds) == {".txt": 1, "hidden": 1, "without suffix": 1}
    with pytest.raises(SourceError, match="nothing lies below it"):
        find_all([raw / "none"])


def test_tables_and_manifests_name_them(raw, tmp_path) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("clip_id\ntrain/a\nvalid/c\ntrain/zzz\n")
    source = find_all([ids], [raw])
    assert [clip.shown for clip in source.clips] == ["train/a.wav", "valid/c.mp4"]
    assert [failure.clip_id for failure in source.failures] == ["train/zzz"]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        f"clip_id,path\none,{raw}/train/a.wav\ntwo,valid/c.mp4\nthree,../up.wav\nfour,own.wav\n"
    )
    (tmp_path / "own.wav").write_bytes(b"x")
    source = find_all([manifest], [raw])
    assert {clip.clip_id: clip.shown for clip in source.clips} == {
        "one": f"{raw}/train/a.wav",
        "two": "valid/c.mp4",
        "four": "own.wav",
    }
    assert [failure.clip_id for failure in source.failures] == ["three"]
    manifest.write_text("clip_id,path\none,https://me:zecret@host/a.wav?X-Amz-Signature=zecret\n")
    with pytest.raises(StorageError) as raised:
        find_all([manifest])
    assert "zecret" not in str(raised.value)


def test_a_local_folder_stays_a_path(tmp_path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    [clip] = find_all([tmp_path]).clips
    assert type(clip.path) is type(Path())
