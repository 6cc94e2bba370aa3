"""wav2vec2-BERT: what its config says, and what it refuses."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.wav2vec2_bert import describe
from extract.errors import EncoderError


def described(settings=None, layers="last", **config):
    files = ModelFiles("x", "x", {"model_type": "wav2vec2-bert", **config}, True, None, settings or {})
    return describe(files, EncoderOptions("x", layers=layers, device="cpu"))


def test_fields_and_frames() -> None:
    encoder = described(layers="12,24")
    assert [(field.name, field.width) for field in encoder.fields] == [
        ("hidden_states/12", 1024),
        ("hidden_states/24", 1024),
    ]
    assert [encoder.num_frames(n) for n in (400, 559, 560, 719, 720, 16_000)] == [0, 0, 1, 1, 1, 49]


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        ({"add_adapter": True}, {}, "another frame rate"),
        ({"hidden_size": "many"}, {}, "hidden_size"),
        ({"position_embeddings_type": 3}, {}, "position_embeddings_type"),
        ({}, {"stride": 3}, "stride of its feature extractor is 3, expected 2"),
        ({}, {"num_mel_bins": 128}, "num_mel_bins"),
    ],
)
def test_settings_that_cannot_be_used_are_named(config, settings, message) -> None:
    with pytest.raises(EncoderError, match=message):
        described(settings, **config)
