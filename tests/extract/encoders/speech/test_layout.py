"""What a config.json says of an encoder, and what is refused before anything is loaded."""

from __future__ import annotations

import pytest
import transformers

from extract.encoders.hub import DEFAULT_CONFIG
from extract.encoders.hubert import HUBERT
from extract.encoders.speech.layout import read_layout
from extract.encoders.wav2vec2 import WAV2VEC2
from extract.encoders.wavlm import WAVLM
from extract.errors import EncoderError

FAMILIES = (WAV2VEC2, HUBERT, WAVLM)
VAD = {"id2label": {"0": "arousal", "1": "dominance", "2": "valence"}}


@pytest.mark.parametrize(("count", "example"), [(1, "1"), (2, "1,2"), (12, "6,12"), (24, "12,24")])
def test_the_layers_of_a_refusal_can_be_had(count, example) -> None:
    config = {**DEFAULT_CONFIG, "num_hidden_layers": count}
    with pytest.raises(EncoderError, match=rf"numbers from 1 to {count}, such as {example}$"):
        read_layout(config, "99", WAV2VEC2)
    assert read_layout(config, example, WAV2VEC2).layers == tuple(map(int, example.split(",")))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model_type)
def test_the_defaults_are_those_of_transformers(family) -> None:
    theirs = getattr(transformers, family.classes + "Config")().to_dict()
    assert family.values({}) == {key: theirs.get(key) for key in family.values({})}


def test_frames_and_fields_follow_from_the_settings() -> None:
    layout = read_layout({**DEFAULT_CONFIG, "conv_dim": [512] * 7}, "6,last", WAV2VEC2)
    assert (layout.stride, layout.receptive_field, layout.equal_lengths) == (320, 400, False)
    assert [(f.name, f.width, f.dtype.name) for f in layout.fields] == [
        ("hidden_states/6", 1024, "float16"),
        ("hidden_states/12", 1024, "float16"),
        ("vad", 3, "float32"),
    ]
    for samples in (399, 400, 719, 720, 192_000):
        assert layout.num_frames(samples) == max(0, (samples - 400) // 320 + 1)
    assert read_layout({"model_type": "hubert"}, "last", HUBERT).equal_lengths


def test_only_what_changes_a_value_changes_the_hash() -> None:
    plain = read_layout({}, "last", WAV2VEC2)
    same = read_layout(
        {"torch_dtype": "float32", "hidden_size": 768, "apply_spec_augment": True}, "last", WAV2VEC2
    )
    assert same.config_sha256() == plain.config_sha256()
    for change in ({"layer_norm_eps": 1e-6}, {"do_stable_layer_norm": True}, VAD):
        assert read_layout(change, "last", WAV2VEC2).config_sha256() != plain.config_sha256()
    assert read_layout({}, "last", HUBERT).config_sha256() != plain.config_sha256()


def test_the_order_of_the_head_is_read_from_its_labels() -> None:
    labels = {"0": "valence", "1": "arousal", "2": "dominance"}
    assert read_layout({"id2label": labels}, "last", WAV2VEC2).vad_order == (1, 2, 0)
    assert read_layout({"id2label": {"0": "LABEL_0"}}, "last", WAV2VEC2).vad_order is None
