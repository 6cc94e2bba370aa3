"""The encoder that the options name, described without torch, and equal to what it is once loaded."""

from __future__ import annotations

import json

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import DEFAULT_CONFIG
from extract.encoders.lookup import LoadedEncoder, find_encoder, load_encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.errors import EncoderError

DESCRIBE = (
    "import sys, json; from extract.encoders.lookup import find_encoder; "
    "from extract.encoders.base import EncoderOptions; "
    "model = find_encoder(EncoderOptions({!r}, layers={!r}, precision={!r})); "
    "print(json.dumps([dict(model.recipe), [vars(f) | {{'dtype': f.dtype.name}} for f in model.fields], "
    "model.licence, model.chunking, model.num_frames(192_000), "
    "sorted({{'torch', 'transformers', 'scipy', 'av'}} & set(sys.modules))]))"
)


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm", "vad", "group", "bfloat16", "logmel"])
def test_a_description_without_torch_is_that_of_the_loaded_encoder(saved, tiny_encoder, python, kind) -> None:
    folders = {family: saved[family, "layer"] for family in ("wav2vec2", "hubert", "wavlm")}
    folders |= {"vad": tiny_encoder, "group": saved["wav2vec2", "group"], "logmel": "logmel"}
    folders |= {"bfloat16": tiny_encoder}
    options = EncoderOptions(
        str(folders[kind]),
        layers="last" if kind == "logmel" else "1,2",
        device="cpu",
        precision="bfloat16" if kind == "bfloat16" else "float32",
    )
    done = python("-c", DESCRIBE.format(options.model, options.layers, options.precision))
    assert done.returncode == 0, done.stderr
    recipe, fields, licence, chunking, frames, heavy = json.loads(done.stdout)
    assert heavy == []
    encoder = load_encoder(options)
    assert json.dumps(recipe, sort_keys=True) == json.dumps(encoder.recipe, sort_keys=True)
    assert json.dumps(fields) == json.dumps([vars(f) | {"dtype": f.dtype.name} for f in encoder.fields])
    assert (licence, chunking, frames) == (encoder.licence, encoder.chunking, encoder.num_frames(192_000))


def test_the_settings_of_the_default_encoder_need_no_weights() -> None:
    model = find_encoder(EncoderOptions(DEFAULT_MODEL, layers="6,12"), weights=False)
    assert [field.name for field in model.fields] == ["hidden_states/6", "hidden_states/12", "vad"]
    assert model.num_frames(16_000) == 49
    with pytest.raises(EncoderError, match="no file with weights"):
        model.load("cpu")
    assert DEFAULT_CONFIG["num_hidden_layers"] == 12


def test_a_loaded_encoder_stands_where_one_that_is_not_is_expected(tiny_encoder) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    model = LoadedEncoder(encoder, ["cpu", "cpu"])
    assert model.load("cpu") is encoder
    assert model.devices() == ["cpu", "cpu"]
    assert (model.recipe, model.fields, model.licence) == (encoder.recipe, encoder.fields, encoder.licence)
    assert model.num_frames(720) == 2
