"""The hash of a file of weights is that of its tensors, whatever their types, names and order."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from extract.encoders.hub import ModelFiles
from extract.encoders.speech import weight_files
from extract.encoders.speech.checkpoint import Checkpoint
from extract.encoders.speech.weight_files import (
    DTYPES,
    renamed,
    safetensors_sha256,
    weight_paths,
    without_fractions,
)
from extract.errors import EncoderError


def of_tensors(path) -> str:
    return Checkpoint(ModelFiles("x", "x", {}, True, path), renamed(load_file(path))).weights_sha256()


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_every_type_is_hashed_as_its_tensor_is(tmp_path, dtype) -> None:
    tensors = {
        "b": torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)),
        "a.weight_g": torch.ones((), dtype=getattr(torch, dtype)),
        "empty": torch.zeros(0, 4, dtype=getattr(torch, dtype)),
    }
    save_file(tensors, tmp_path / "x.safetensors", {"format": "pt"})
    assert safetensors_sha256(tmp_path / "x.safetensors") == of_tensors(tmp_path / "x.safetensors")


def test_pieces_change_nothing(tiny_encoder, monkeypatch) -> None:
    path = tiny_encoder / "model.safetensors"
    whole = safetensors_sha256(path)
    monkeypatch.setattr(weight_files, "CHUNK", 1000)
    assert safetensors_sha256(path) == whole == of_tensors(path)


def test_one_bit_and_one_name_change_the_hash(tmp_path) -> None:
    path = tmp_path / "x.safetensors"
    hashes = set()
    for name, value in (("a", 1.0), ("b", 1.0), ("a", 1.0000001)):
        save_file({name: torch.tensor([value])}, path)
        hashes.add(safetensors_sha256(path))
    assert len(hashes) == 3


def test_a_type_that_is_not_known_here_is_left_to_torch(tmp_path) -> None:
    save_file({"a": torch.zeros(3).to(torch.float8_e4m3fn)}, tmp_path / "x.safetensors")
    assert safetensors_sha256(tmp_path / "x.safetensors") is None


DEEP = (100_000).to_bytes(8, "little") + b"[" * 100_000


@pytest.mark.parametrize("damage", [b"", b"\xff" * 20, "half", "more", DEEP, (1 << 60).to_bytes(8, "little")])
def test_what_is_no_whole_file_is_one_line(tmp_path, tiny_encoder, damage) -> None:
    data = (tiny_encoder / "model.safetensors").read_bytes()
    data = {"half": data[: len(data) // 2], "more": data + b"x"}.get(damage, damage)
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(EncoderError, match=r"not readable as weights .*download it again"):
        safetensors_sha256(tmp_path / "x.safetensors")


def test_the_older_names_of_weight_norm_are_the_newer_ones() -> None:
    assert list(renamed({"x.conv.weight_g": 1, "x.conv.weight": 2})) == [
        "x.conv.parametrizations.weight.original0",
        "x.conv.weight",
    ]


def test_settings_alone_have_no_weights() -> None:
    with pytest.raises(EncoderError, match="x: no file with weights"):
        weight_paths(ModelFiles("x", "x", json.loads("{}"), True, None))


def test_weights_that_are_whole_numbers_are_named(tmp_path) -> None:
    tensors = {
        "a.weight": torch.ones(2), "b.weight": torch.ones(2, dtype=torch.int8), "c.bias": torch.ones(1).bfloat16(),
        "places": torch.arange(3),
    }  # fmt: skip
    save_file(tensors, tmp_path / "x.safetensors")
    assert without_fractions(tmp_path / "x.safetensors") == ["b.weight (I8)"]
