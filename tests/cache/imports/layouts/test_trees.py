"""Dicts and lists of arrays, understood as clips."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from cache.imports.layouts.trees import clips_in, parts
from cache.imports.values import UnreadableError, of_array

A = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("tool", ["pickle", "torch"])
def test_a_dict_of_clips(tmp_path, clips, loaded, tool) -> None:
    path = tmp_path / "a.pkl"
    if tool == "pickle":
        path.write_bytes(pickle.dumps(clips))
    else:
        torch.save({name: torch.from_numpy(array) for name, array in clips.items()}, path)
    found = loaded(list(parts(path)))
    assert found.keys() == clips.keys()
    for name, array in clips.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        (A, None, {None: A}),
        ({"a": A, 42: A}, None, {"a": A, "42": A}),
        ({"features": A, "label": 3}, None, {None: A}),
        ({"x": A, "y": -A}, None, {"x": A, "y": -A}),
        ({"audio": A, "text": -A}, "text", {None: -A}),
        ({"a": {"audio": A, "text": -A}}, "text", {"a": -A}),
        ({"a": {"features": A, "label": 1.0, "name": "x"}}, None, {"a": A}),
        ({"train": {"a": A}, "valid": {"b": -A}}, None, {"a": A, "b": -A}),
        ([("a", A), ("b", -A)], None, {"a": A, "b": -A}),
        ([{"id": "a", "features": A, "y": 1}], None, {"a": A}),
        ({"a": [[0, 1], [2, 3], [4, 5]]}, None, {"a": A}),
        ({"a": [0.5, 1.5]}, None, {"a": np.array([0.5, 1.5])}),
    ],
)
def test_what_people_keep(tmp_path, loaded, value, key, expected) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    found = loaded(list(parts(tmp_path / "a.pkl", key)))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def mmsa(rng) -> dict:
    def split(ids):
        return {
            "id": ids,
            "raw_text": ["words"] * len(ids),
            "audio": rng.normal(size=(len(ids), 4, 3)).astype("f4"),
            "text": rng.normal(size=(len(ids), 5, 2)).astype("f4"),
            "audio_lengths": [2, 4][: len(ids)],
            "regression_labels": np.zeros(len(ids), "f4"),
            "annotations": ["Neutral"] * len(ids),
        }

    return {"train": split(["v1$_$0", "v1$_$1"]), "valid": split(["v2$_$0"]), "test": split(["v3$_$0"])}


def test_the_pickles_of_mmsa_without_their_padding(tmp_path, loaded) -> None:
    data = mmsa(np.random.default_rng(0))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(data))
    found = loaded(list(parts(tmp_path / "a.pkl", "audio")))
    assert list(found) == ["v1$_$0", "v1$_$1", "v2$_$0", "v3$_$0"]
    np.testing.assert_array_equal(found["v1$_$0"], data["train"]["audio"][0, :2])
    np.testing.assert_array_equal(found["v1$_$1"], data["train"]["audio"][1])
    text = loaded(list(parts(tmp_path / "a.pkl", "text")))
    np.testing.assert_array_equal(text["v2$_$0"], data["valid"]["text"][0])
    with pytest.raises(UnreadableError, match=r"audio, text.*--key"):
        list(parts(tmp_path / "a.pkl"))
    with pytest.raises(UnreadableError, match="no array 'vision'"):
        list(parts(tmp_path / "a.pkl", "vision"))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("text", "holds text"), (3, "holds a number"), (None, "holds nothing"), ([{"a": 1}], "entry 0 has no id"),
        ([("a", 1), {}], "entry 1 has no id"), ({(1, 2): 3}, "an id that is a tuple"), ({True: 1}, "is a truth"),
    ],
)  # fmt: skip
def test_anything_else_says_what_was_found(value, says) -> None:
    with pytest.raises(UnreadableError, match=says):
        list(clips_in(value, None))


def test_entries_that_are_no_arrays_are_listed() -> None:
    array = of_array(A)
    value = {"a": array, "b": None, "c": "x", "d": {"u": array, "v": array}, "e": [[1], [2, 3]], "f": {}}
    found = {part.key: part.problem for part in clips_in(value, None)}
    assert found["a"] is None
    assert [name for name, problem in found.items() if problem] == ["b", "c", "d", "e", "f"]
    assert "--key" in str(found["d"])
    (missing,) = clips_in({"d": {"u": array}}, "w")
    assert "no 'w' in it, found u" in str(missing.problem)


def test_lists_that_refer_to_each_other_are_not_followed_for_ever() -> None:
    row: list = [1.0] * 1000
    bomb = [[row] * 1000] * 1000
    with pytest.raises(UnreadableError, match="more numbers than memory is for"):
        list(clips_in({"a": bomb}, None))
    itself: list = []
    itself.append(itself)
    (part,) = clips_in({"a": itself}, None)
    assert part.problem
