"""npz files."""

from __future__ import annotations

import numpy as np
import pytest

from cache.imports.layouts.npz import parts
from cache.imports.values import UnreadableError


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_a_clip(tmp_path, clips, loaded, save) -> None:
    save(tmp_path / "a.npz", **clips)
    found = loaded(list(parts(tmp_path / "a.npz")))
    assert found.keys() == clips.keys()
    for name, array in clips.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_only_array_or_the_one_that_is_asked_for_is_the_files(tmp_path, loaded) -> None:
    array = np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "a.npz", array)
    np.savez(tmp_path / "b.npz", feat=array, length=2)
    assert list(loaded(list(parts(tmp_path / "a.npz")))) == [None]
    assert loaded(list(parts(tmp_path / "b.npz", "feat")))[None].tolist() == array.tolist()
    with pytest.raises(UnreadableError, match="no array 'x', found feat, length"):
        list(parts(tmp_path / "b.npz", "x"))


def test_objects_are_refused_one_by_one(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros((2, 3)), b=np.array([None, "x"], dtype=object))
    good, bad = parts(tmp_path / "a.npz")
    assert (good.key, good.problem) == ("a", None)
    assert "object array" in str(bad.problem)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_is_one_line_wherever_it_is(tmp_path, save, clips) -> None:
    path = tmp_path / "a.npz"
    save(path, **clips)
    sound, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(200):
        data = bytearray(sound)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        try:
            for part in parts(path):
                if part.values:
                    part.values.load()
        except UnreadableError:
            continue
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(UnreadableError, match="damaged"):
        list(parts(path))
