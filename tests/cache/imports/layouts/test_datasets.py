"""HDF5 files: datasets and groups as clips."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from cache.imports.layouts.datasets import parts
from cache.imports.values import UnreadableError

A = np.arange(6.0, dtype="f4").reshape(3, 2)


@pytest.mark.parametrize("how", [{}, {"chunks": (1, 2), "compression": "gzip"}])
def test_a_dataset_a_clip(tmp_path, clips, loaded, how) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in clips.items():
            file.create_dataset(name, data=array, **({} if len(array) < 2 else {**how} and {"chunks": True}))
    found = loaded(list(parts(tmp_path / "a.h5")))
    assert found.keys() == clips.keys()
    for name, array in clips.items():
        np.testing.assert_array_equal(found[name], array)


def write(path, datasets) -> None:
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            file[name] = array


@pytest.mark.parametrize(
    ("datasets", "key", "expected"),
    [
        (
            {"a/features": A, "a/intervals": A[:, :1], "b/features": -A, "b/intervals": A[:, :1]},
            None,
            {"a": A, "b": -A},
        ),
        ({"a/u": A, "a/v": A[:, :1], "b/u": -A, "b/v": A[:, :1]}, "u", {"a": A, "b": -A}),
        ({"a/wavlm": A, "b/wavlm": -A}, None, {"a": A, "b": -A}),
        ({"s1/a": A, "s1/b": A, "s2/a": -A}, None, {"s1/a": A, "s1/b": A, "s2/a": -A}),
        ({"s1/a": A, "s2/a": -A}, "*", {"s1/a": A, "s2/a": -A}),
        (
            {"C/data/a/features": A, "C/data/a/intervals": A, "C/data/v[0]/features": -A},
            None,
            {"a": A, "v[0]": -A},
        ),
    ],
)
def test_groups(tmp_path, loaded, datasets, key, expected) -> None:
    write(tmp_path / "a.h5", datasets)
    found = loaded(list(parts(tmp_path / "a.h5", key)))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_groups_of_several_widths_need_a_key(tmp_path) -> None:
    write(tmp_path / "a.h5", {"a/u": A, "a/v": A[:, :1], "b/u": -A, "b/v": A[:, :1]})
    with pytest.raises(UnreadableError, match=r"groups of u, v; say with --key"):
        list(parts(tmp_path / "a.h5"))
    with pytest.raises(UnreadableError, match="no dataset 'w', found u, v"):
        list(parts(tmp_path / "a.h5", "w"))


def test_nothing_outside_the_file_is_read(tmp_path) -> None:
    write(tmp_path / "secret.h5", {"secret": A})
    (tmp_path / "raw").write_bytes(A.tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = A
        file["out"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/secret")
        file["soft"] = h5py.SoftLink("/a")
        file.create_dataset("raw", (3, 2), "f4", external=[(str(tmp_path / "raw"), 0, 24)])
        layout = h5py.VirtualLayout((3, 2), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "secret", shape=(3, 2))
        file.create_virtual_dataset("virtual", layout)
        file["text"] = "words"
        file["none"] = h5py.Empty("f4")
    found = {part.key: part.problem for part in parts(tmp_path / "a.h5")}
    assert sorted(found) == ["a", "none", "raw", "text", "virtual"]
    assert [name for name, problem in found.items() if problem is None] == ["a"]
    assert "another file" in str(found["raw"])
    assert found["none"].reason == "no_frames"


def test_damage_is_one_line(tmp_path) -> None:
    write(tmp_path / "a.h5", {"a": A})
    data = (tmp_path / "a.h5").read_bytes()
    for size in (0, 10, 600, len(data) - 8):
        (tmp_path / "a.h5").write_bytes(data[:size])
        with pytest.raises(UnreadableError, match="damaged"):
            list(parts(tmp_path / "a.h5"))
