"""A checkpoint in several files is the one in a single file: the same numbers, the same hash."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder, load_encoder
from extract.errors import EncoderError


def options(folder) -> EncoderOptions:
    return EncoderOptions(str(folder), device="cpu")


@pytest.fixture(params=["safetensors", "bin"])
def sharded(request, tiny_encoder, tmp_path):
    """The tiny encoder in three files, as ``save_pretrained(max_shard_size=...)`` leaves it."""
    folder = tmp_path / "sharded"
    shutil.copytree(tiny_encoder, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    stem = "model" if request.param == "safetensors" else "pytorch_model"
    names = {name: f"{stem}-0000{at % 3 + 1}-of-00003.{request.param}" for at, name in enumerate(weights)}
    for file in set(names.values()):
        part = {name: weights[name] for name in weights if names[name] == file}
        if request.param == "safetensors":
            save_file(part, folder / file, {"format": "pt"})
        else:
            torch.save(part, folder / file)
    (folder / f"{stem}.{request.param}.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": names})
    )
    return folder


def test_numbers_and_recipe_are_those_of_one_file(sharded, tiny_encoder, voice) -> None:
    assert find_encoder(options(sharded)).recipe == find_encoder(options(tiny_encoder)).recipe
    samples = voice(0.5)[:, 0]
    encoded, expected = (
        load_encoder(options(folder)).encode([samples])[0] for folder in (sharded, tiny_encoder)
    )
    for name, values in expected.frames.items():
        np.testing.assert_array_equal(encoded.frames[name], values)


def test_what_transformers_divides_is_read(save_encoder, tmp_path) -> None:
    from transformers import Wav2Vec2Model

    whole = save_encoder(tmp_path / "whole")
    shutil.copytree(whole, tmp_path / "parts", ignore=lambda *_: ["model.safetensors"])
    Wav2Vec2Model.from_pretrained(whole).save_pretrained(tmp_path / "parts", max_shard_size="200KB")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    recipes = [find_encoder(options(tmp_path / name)).recipe for name in ("whole", "parts")]
    assert recipes[0] == recipes[1]


def test_a_file_that_is_not_there_is_named(sharded) -> None:
    lost = sorted(sharded.glob("*-of-00003.*"))[1]
    lost.unlink()
    with pytest.raises(EncoderError, match=rf"lacks {lost.name};"):
        find_encoder(options(sharded))


def test_a_weight_in_two_files_is_refused(sharded) -> None:
    first, second, _ = sorted(sharded.glob("*-of-00003.*"))
    shutil.copy(first, second)
    with pytest.raises(EncoderError, match="stands in another file too"):
        load_encoder(options(sharded))


def test_an_index_that_leads_out_of_the_folder_is_refused(sharded, tmp_path) -> None:
    path = next(sharded.glob("*.index.json"))
    first = sorted(sharded.glob("*-of-00003.*"))[0]
    first.rename(tmp_path / first.name)
    path.write_text(path.read_text().replace(first.name, f"../{first.name}"))
    with pytest.raises(EncoderError, match="is no file with weights beside it"):
        find_encoder(options(sharded))
