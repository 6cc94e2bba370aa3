"""Tensors and JSON values come back as they were, from a file that holds no pickle."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from train.errors import RunError
from train.runs.tensors import read_tensors, write_tensors


def test_they_come_back_as_they_were(tmp_path):
    tensors = {"a": torch.randn(3, 2), "b": torch.arange(4)}
    write_tensors(tmp_path / "t.safetensors", tensors, {"note": "é", "n": float("nan")})
    found, rest = read_tensors(tmp_path / "t.safetensors")
    assert rest == {"note": "é", "n": None}
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_a_file_of_something_else_is_refused(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        read_tensors(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"half")
    for name in ("other", "torn"):
        with pytest.raises(RunError, match="not a readable file of this project"):
            read_tensors(tmp_path / f"{name}.safetensors")
