"""A text encoder's files: what is missing is named, what changes a value counts in its hashes."""

from __future__ import annotations

import json
import shutil

import pytest

from extract.errors import EncoderError
from extract.text.model_files import find_text_model


@pytest.fixture
def folder(text_model, tmp_path):
    return shutil.copytree(text_model("bert"), tmp_path / "model")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name) -> None:
    (folder / name).unlink()
    with pytest.raises(EncoderError, match=f"lacks {name}"):
        find_text_model(str(folder), None)


def test_names_and_versions_change_no_hash_and_settings_do(folder) -> None:
    before = find_text_model(str(folder), None).config_sha256()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_version": "9"}))
    assert find_text_model(str(folder), None).config_sha256() == before
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 0.1}))
    assert find_text_model(str(folder), None).config_sha256() != before


def test_weights_hash_alike_in_one_file_and_in_several(folder, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    whole = find_text_model(str(folder), None).weights_sha256()
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
    for file, some in parts.items():
        save_file({name: weights[name] for name in some}, folder / file)
    index = {"weight_map": {name: file for file, some in parts.items() for name in some}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert find_text_model(str(folder), None).weights_sha256() == whole


def test_weights_of_torch_are_hashed_by_their_file(folder) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"one")
    one = find_text_model(str(folder), None).weights_sha256()
    (folder / "pytorch_model.bin").write_bytes(b"two")
    assert find_text_model(str(folder), None).weights_sha256() != one


def test_neither_folder_nor_hub_id(tmp_path) -> None:
    with pytest.raises(EncoderError, match="no such folder"):
        find_text_model(str(tmp_path / "none"), None)


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch) -> None:
    import huggingface_hub

    def fail(*_, **__):
        raise OSError("no network\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(EncoderError, match=r"owner/name: cannot be had \(no network\)"):
        find_text_model("owner/name", None)
