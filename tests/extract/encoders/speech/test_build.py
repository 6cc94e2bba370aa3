"""Models of transformers are built from settings that are understood, or one line says why not."""

from __future__ import annotations

import pytest

from extract.encoders.speech.build import build
from extract.errors import EncoderError

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def test_a_model_is_that_of_its_settings() -> None:
    model = build("Wav2Vec2BertConfig", "Wav2Vec2BertModel", SMALL, SMALL)
    assert model.config.hidden_size == 16


def test_settings_that_transformers_refuses_are_one_line() -> None:
    with pytest.raises(EncoderError, match=r"config\.json cannot be used") as caught:
        build("Wav2Vec2BertConfig", "Wav2Vec2BertModel", {**SMALL, "hidden_act": "loud"}, SMALL)
    assert "\n" not in str(caught.value)


def test_other_defaults_than_the_recipes_are_refused() -> None:
    with pytest.raises(EncoderError, match="takes rotary_embedding_base as 10000, expected 7"):
        build("Wav2Vec2BertConfig", "Wav2Vec2BertModel", SMALL, {**SMALL, "rotary_embedding_base": 7})


def test_settings_that_choose_code_or_labels_are_not_followed() -> None:
    wild = {
        "_attn_implementation": "somebody/kernel",
        "id2label": 5,
        "num_labels": 10**12,
        "use_return_dict": False,
    }
    model = build("Wav2Vec2BertConfig", "Wav2Vec2BertModel", {**SMALL, **wild}, SMALL)
    assert model.config._attn_implementation != "somebody/kernel"
    assert model.config.num_labels == 2
