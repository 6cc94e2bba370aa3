"""npy files, one clip each or many beside their lengths."""

from __future__ import annotations

import numpy as np
import pytest

from cache.imports.layouts.npy import parts
from cache.imports.values import UnreadableError


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i4", "?"])
@pytest.mark.parametrize("order", "CF")
def test_any_array_of_numbers(tmp_path, dtype, order) -> None:
    array = np.asarray(np.arange(12).reshape(3, 4), dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    (part,) = parts(tmp_path / "a.npy")
    assert (part.key, part.values.shape) == (None, (3, 4))
    np.testing.assert_array_equal(part.values.load(), array)
    np.testing.assert_array_equal(part.values.rows(1, 2).load(), array[1:2])


def test_objects_and_records_are_refused_and_never_unpickled(tmp_path, malicious) -> None:
    data, marker = malicious
    np.save(tmp_path / "a.npy", np.array([1, "x"], dtype=object), allow_pickle=True)
    head = (tmp_path / "a.npy").read_bytes()[:128]
    (tmp_path / "b.npy").write_bytes(head + data)
    np.save(tmp_path / "c.npy", np.zeros(2, [("a", "f4")]))
    for name, says in (("a", "object array"), ("b", "object array"), ("c", "records")):
        with pytest.raises(UnreadableError, match=says):
            list(parts(tmp_path / f"{name}.npy"))
    assert not marker.exists()


def test_cut_short_or_no_npy_file(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    data = (tmp_path / "a.npy").read_bytes()
    for size in (0, 5, 60, 128, len(data) - 1):
        (tmp_path / "a.npy").write_bytes(data[:size])
        with pytest.raises(UnreadableError, match="damaged"):
            list(parts(tmp_path / "a.npy"))
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118)
    with pytest.raises(UnreadableError):
        list(parts(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".ids", "00042\n7\nü\n"),
        (".tsv", "/sounds\n00042\t5\n7\t1\nü\t3\n"),
        (".emo", "00042\tang\n7\tsad\nü\thap\n"),
    ],
)
def test_flat_frames_beside_their_lengths_as_emotion2vec_leaves_them(tmp_path, loaded, suffix, text) -> None:
    flat = np.arange(18.0).reshape(9, 2)
    np.save(tmp_path / "train.npy", flat)
    (tmp_path / "train.lengths").write_text("5\n1\n3\n")
    (tmp_path / f"train{suffix}").write_text(text, encoding="utf-8")
    found = loaded(list(parts(tmp_path / "train.npy")))
    assert list(found) == ["00042", "7", "ü"]
    np.testing.assert_array_equal(found["ü"], flat[6:])


@pytest.mark.parametrize(
    ("lengths", "ids", "says"),
    [
        ("5\n1\n", "a\nb\n", "9 frames"),
        ("5\n4\n", "a\n", "the names beside it 1"),
        ("5\nx\n", "a\nb\n", "number of frames"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(tmp_path, lengths, ids, says) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 2)))
    (tmp_path / "a.lengths").write_text(lengths)
    (tmp_path / "a.ids").write_text(ids)
    with pytest.raises(UnreadableError, match=says):
        list(parts(tmp_path / "a.npy"))


def test_lengths_without_ids_say_what_is_needed(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 2)))
    (tmp_path / "a.lengths").write_text("9\n")
    with pytest.raises(UnreadableError, match=r"a\.ids or a\.tsv or a\.emo"):
        list(parts(tmp_path / "a.npy"))
