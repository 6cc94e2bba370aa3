"""The index of a checkpoint in several files names files beside it, and nothing else."""

from __future__ import annotations

import json

import pytest

from extract.encoders import weight_index
from extract.encoders.weight_index import read_settings, weight_file_names
from extract.errors import EncoderError


def index(tmp_path, weight_map: object, name: str = "model.safetensors.index.json"):
    path = tmp_path / name
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return path


def test_an_index_names_its_files_once(tmp_path) -> None:
    names = [f"model-0000{number}-of-00002.safetensors" for number in (2, 1)]
    path = index(tmp_path, {"a": names[0], "b": names[1], "c": names[0]})
    assert weight_file_names(path) == sorted(names)
    path = index(tmp_path, {"a": "pytorch_model-1.bin"}, "pytorch_model.bin.index.json")
    assert weight_file_names(path) == ["pytorch_model-1.bin"]


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "a\\b.safetensors", ".x.safetensors", "",
             "x\0.safetensors", "x\n.safetensors", "x.bin", "x.pkl", 5, None, ["x.safetensors"]]
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name) -> None:
    with pytest.raises(EncoderError, match="is no file with weights beside it"):
        weight_file_names(index(tmp_path, {"a": "model.safetensors", "b": name}))


@pytest.mark.parametrize("weight_map", [None, {}, [], "x"])
def test_an_index_without_a_map_is_refused(tmp_path, weight_map) -> None:
    with pytest.raises(EncoderError, match="expected 'weight_map', an object"):
        weight_file_names(index(tmp_path, weight_map))


def test_settings_are_bounded(tmp_path, monkeypatch) -> None:
    path = tmp_path / "config.json"
    for text in ("[" * 100_000, '{"a":' * 100_000, "[1]", "{", '{"a": NaN}'):
        path.write_text(text)
        with pytest.raises(EncoderError, match=r"config\.json: not readable as JSON"):
            read_settings(path)
    monkeypatch.setattr(weight_index, "MAX_BYTES", 10)
    path.write_text('{"a": "0123456789"}')
    with pytest.raises(EncoderError, match="no regular file of at most"):
        read_settings(path)
