"""Files become entries with ids."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from cache.common.errors import CacheError
from cache.imports.find import find_all
from cache.imports.options import ImportOptions

A = np.ones((3, 2), np.float16)


@pytest.fixture
def put(tmp_path):
    def save(*names: str):
        for name in names:
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, A)
        return tmp_path / "in"

    return save


def ids(sources) -> list[str]:
    return [entry.clip_id for entry in sources.entries]


def reasons(sources) -> dict[str, str]:
    return {failure.clip_id: failure.reason for failure in sources.failures}


def test_ids_are_paths_without_suffix_and_stay_text(put) -> None:
    folder = put("00042.npy", "s1/7.npy", "s1/c.mp4.npy", "a.wav.npy", "ü b.npy", ".hidden.npy", ".git/x.npy")
    assert ids(find_all([folder], ImportOptions())) == ["00042", "a", "s1/7", "s1/c", "ü b"]


def test_split_folders_are_no_part_of_an_id_unless_asked_for(put) -> None:
    folder = put("train/1.npy", "valid/2.npy", "Test_split/3.npy", "other/4.npy")
    assert ids(find_all([folder], ImportOptions())) == ["1", "2", "3", "other/4"]
    assert ids(find_all([folder], ImportOptions(keep_folders=True)))[-1] == "valid/2"


def test_two_entries_of_one_id_are_both_left_out(put, tmp_path) -> None:
    folder = put("train/1.npy", "valid/1.npy", "2.npy", "3.npy")
    np.savez(folder / "2.npz", A)
    sources = find_all([folder], ImportOptions())
    assert ids(sources) == ["3"]
    assert reasons(sources) == {"1": "duplicate", "2": "duplicate"}
    assert "train/1.npy and valid/1.npy" in sources.failures[0].message
    assert ids(find_all([folder, folder], ImportOptions())) == []


def test_a_broken_file_and_a_sound_one_of_one_id_are_both_left_out(put) -> None:
    folder = put("1.npy", "2.npy")
    (folder / "1.npz").write_bytes(b"PK")
    sources = find_all([folder], ImportOptions())
    assert ids(sources) == ["2"]
    assert {(f.clip_id, f.reason) for f in sources.failures} == {("1", "unreadable"), ("1", "duplicate")}


def test_labels_beside_features_and_other_files_are_passed_over(put) -> None:
    folder = put("1.npy")
    (folder / "labels.csv").write_text("clip_id,joy\n1,2\n")
    (folder / "notes.txt").write_text("x")
    sources = find_all([folder], ImportOptions())
    assert (ids(sources), sources.passed, sources.layouts) == (["1"], 2, {"npy": 1})
    assert find_all([folder], ImportOptions(layout="csv")).layouts == {"csv": 1}


def test_files_of_one_key_each_are_the_clips(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps({"wavlm": A}))
    assert ids(find_all([tmp_path], ImportOptions())) == ["a", "b"]
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"y": A}))
    assert ids(find_all([tmp_path], ImportOptions())) == ["wavlm", "y"]


def test_a_link_out_of_the_folder_is_listed_and_not_opened(put, tmp_path) -> None:
    folder = put("1.npy")
    np.save(tmp_path / "secret.npy", A)
    (tmp_path / "more").mkdir()
    np.save(tmp_path / "more" / "x.npy", A)
    (folder / "out.npy").symlink_to(tmp_path / "secret.npy")
    (folder / "in.npy").symlink_to(folder / "1.npy")
    (folder / "gone.npy").symlink_to(folder / "nothing")
    (folder / "round.npy").symlink_to(folder / "round.npy")
    (folder / "more").symlink_to(tmp_path / "more")
    sources = find_all([folder], ImportOptions())
    assert ids(sources) == ["1", "in"]
    assert reasons(sources) == dict.fromkeys(("out", "gone", "round"), "unreadable")
    assert sources.passed == 1  # a folder elsewhere
    assert ids(find_all([folder / "out.npy"], ImportOptions())) == ["out"]  # the user named it


def test_pipes_and_folders_that_look_like_files_are_listed(put) -> None:
    folder = put("1.npy")
    os.mkfifo(folder / "pipe.npy")
    (folder / "folder.npy").mkdir()
    sources = find_all([folder], ImportOptions())
    assert (ids(sources), reasons(sources)) == (["1"], {"pipe": "unreadable"})


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/abs", "", "a/../b", "a\x1b[31m", "a\nb", "\udc80", "."]
)
def test_hostile_ids_are_listed_and_go_nowhere(tmp_path, key) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({key: A, "good": A}))
    sources = find_all([tmp_path / "a.pkl"], ImportOptions())
    assert ids(sources) == ["good"]
    assert [failure.reason for failure in sources.failures] == ["bad_name"]
    assert sources.failures[0].clip_id.isprintable()
    assert sources.failures[0].clip_id  # an entry without one is no entry of the ledger


def test_file_names_that_are_no_ids(put) -> None:
    folder = put("1.npy")
    for name in (b"a\xff.npy", b"b\x1b[31m.npy"):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            np.save(file, A)
    sources = find_all([folder], ImportOptions())
    assert (ids(sources), [f.reason for f in sources.failures]) == (["1"], ["bad_name"] * 2)


def test_a_source_that_is_none_is_one_line(tmp_path) -> None:
    for path, says in ((tmp_path / "no", "no such file"), (tmp_path, "no files of features")):
        with pytest.raises(CacheError, match=says):
            find_all([path], ImportOptions())
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(CacheError, match=r"found \.wav, expected \.npy"):
        find_all([tmp_path / "a.wav"], ImportOptions())
    (tmp_path / "a.npy").write_bytes(b"x")
    with pytest.raises(CacheError, match=r"a\.npy: damaged"):
        find_all([tmp_path / "a.npy"], ImportOptions())


def test_a_cache_is_no_source_of_features(put) -> None:
    folder = put("1.npy", "cache/shards/x.npy")
    (folder / "cache" / "cache.json").write_text("{}")
    assert ids(find_all([folder], ImportOptions())) == ["1"]
    with pytest.raises(CacheError, match="is a cache already; emi-cache merge"):
        find_all([folder / "cache"], ImportOptions())


def test_progress_counts_files(put) -> None:
    seen = []
    find_all([put("1.npy", "2.npy")], ImportOptions(), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
