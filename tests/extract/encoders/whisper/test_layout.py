"""A Whisper's shape, from transformers' config or CTranslate2's weights; what it cannot be is refused by name."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.whisper.layout import ctranslate2_layout, transformers_layout
from extract.encoders.whisper.model_bin import Variable, encoder_variables
from extract.errors import EncoderError


def files(settings=None, **config) -> ModelFiles:
    return ModelFiles("x", "x", {"model_type": "whisper", **config}, True, None, settings or {})


def test_fields_and_frames_follow_from_the_config() -> None:
    layout = transformers_layout(files(d_model=48, encoder_layers=6), EncoderOptions("x", layers="2,6"))
    assert [(field.name, field.width) for field in layout.fields] == [
        ("hidden_states/2", 48),
        ("hidden_states/6", 48),
    ]
    assert [layout.num_frames(samples) for samples in (319, 320, 16_000, 16_319)] == [0, 1, 50, 50]
    assert layout.padding == 0.5


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        ({"d_model": "384"}, {}, "d_model in the encoder's config.json is '384'"),
        ({"encoder_layers": 10**9}, {}, "encoder_layers"),
        ({"max_source_positions": 750}, {}, "750 positions; expected .* 1500"),
        ({"num_mel_bins": 64}, {}, "hears 64 bands"),
        ({"d_model": 50}, {}, "no multiple of encoder_attention_heads 6"),
        ({}, {"hop_length": 80}, "hop_length of its feature extractor is 80, expected 160"),
        ({}, {"feature_size": 128}, "feature_size .* 128, expected 80"),
    ],
)
def test_settings_that_cannot_be_used_are_named(config, settings, message) -> None:
    with pytest.raises(EncoderError, match=message):
        transformers_layout(files(settings, **config), EncoderOptions("x"))


def test_ctranslate2s_weights_say_as_much_as_a_config(ctranslate2_folder) -> None:
    layout = ctranslate2_layout(
        encoder_variables(ctranslate2_folder / "model.bin"), EncoderOptions("x", padding=3.0)
    )
    assert (layout.num_layers, layout.hidden, layout.bands, layout.padding) == (3, 32, 80, 3.0)
    assert [field.name for field in layout.fields] == ["hidden_states/3"]


def moved(variables, name, shape):
    return {**variables, name: Variable("float32", shape, 0, 0)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: {n: x for n, x in v.items() if "layer_1/ffn/linear_0/bias" not in n},
            "missing .*layer_1/ffn/linear_0/bias",
        ),
        (lambda v: moved(v, "encoder/adapter/weight", (3,)), "unexpected encoder/adapter/weight"),
        (
            lambda v: moved(v, "encoder/layer_2/ffn/linear_1/bias", (7,)),
            r"linear_1/bias is \(7,\), expected \(32,\)",
        ),
        (
            lambda v: moved(v, "encoder/position_encodings/encodings", (448, 32)),
            r"is \(448, 32\), expected \(1500, 32\)",
        ),
        (lambda v: {n: x for n, x in v.items() if "conv1" not in n}, "no encoder of Whisper"),
    ],
)
def test_missing_unexpected_and_misshapen_weights_are_named(ctranslate2_folder, change, message) -> None:
    variables = change(encoder_variables(ctranslate2_folder / "model.bin"))
    with pytest.raises(EncoderError, match=message):
        ctranslate2_layout(variables, EncoderOptions("x"))


def test_ctranslate2_has_no_inner_layers(ctranslate2_folder) -> None:
    variables = encoder_variables(ctranslate2_folder / "model.bin")
    with pytest.raises(
        EncoderError, match="--layers 1,3: CTranslate2 gives the encoder's output alone, layer 3"
    ):
        ctranslate2_layout(variables, EncoderOptions("x", layers="1,3"))
