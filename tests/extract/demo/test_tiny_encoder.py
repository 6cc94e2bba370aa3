"""The tiny encoder has the layout of the published one, and the same bytes every time."""

from __future__ import annotations

import json

from extract.demo.tiny_encoder import save_tiny_encoder


def test_encoder_has_the_published_layout(tmp_path):
    save_tiny_encoder(tmp_path / "encoder", 3)
    from safetensors import safe_open

    config = json.loads(((tmp_path / "encoder") / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Wav2Vec2ForSpeechClassification"]
    assert config["id2label"] == {"0": "arousal", "1": "dominance", "2": "valence"}
    assert config["feat_extract_norm"] == "layer"
    extractor = json.loads(((tmp_path / "encoder") / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert extractor["do_normalize"] is extractor["return_attention_mask"] is True
    assert ((tmp_path / "encoder") / "vocab.json").read_text(encoding="utf-8") == "{}"
    hidden = config["hidden_size"]
    with safe_open((tmp_path / "encoder") / "model.safetensors", "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert file.metadata() == {"format": "pt"}
    assert {name.split(".")[0] for name in shapes} == {"wav2vec2", "classifier"}
    assert shapes["classifier.dense.weight"] == (hidden, hidden)
    assert shapes["classifier.out_proj.weight"] == (3, hidden)
    assert "wav2vec2.encoder.pos_conv_embed.conv.weight_g" in shapes
    assert "wav2vec2.encoder.pos_conv_embed.conv.weight_v" in shapes


def test_one_seed_gives_the_same_bytes(tmp_path) -> None:
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        save_tiny_encoder(tmp_path / name, seed)
    weights = {
        name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "again", "other")
    }
    assert weights["one"] == weights["again"] != weights["other"]
