"""Clips → extract → cache → train → intensities: a tiny encoder in the checkpoint layout of the real one.

The layout is that of ``audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim``: wav2vec 2.0 with layer norm in
its convolutions, and a regression head for arousal, dominance and valence. The weights are random and fixed.
They are good for running every line of the real path without a download, and for nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

HIDDEN_SIZE = 64
_DIMS = ("arousal", "dominance", "valence")


def save_tiny_encoder(folder: Path, seed: int = 0) -> None:
    """Write a random wav2vec 2.0 with its regression head; the same seed gives the same bytes.

    Args:
        folder: made if missing; receives ``config.json``, ``preprocessor_config.json``, ``vocab.json`` and
            ``model.safetensors``.
        seed: of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = _config()
    config.save_pretrained(folder)
    _feature_extractor().save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({}), encoding="utf-8")
    save_file(_weights(config, seed), folder / "model.safetensors", metadata={"format": "pt"})


def _config() -> Wav2Vec2Config:
    return Wav2Vec2Config(
        architectures=["Wav2Vec2ForSpeechClassification"],
        id2label=dict(enumerate(_DIMS)),
        label2id={dim: index for index, dim in enumerate(_DIMS)},
        problem_type="regression",
        finetuning_task="wav2vec2_reg",
        pooling_mode="mean",
        conv_dim=(32,) * 7,
        conv_kernel=(10, 3, 3, 3, 3, 2, 2),
        conv_stride=(5, 2, 2, 2, 2, 2, 2),
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=2 * HIDDEN_SIZE,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        vocab_size=1,
    )


def _feature_extractor() -> Wav2Vec2FeatureExtractor:
    return Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=16_000, padding_value=0.0, do_normalize=True, return_attention_mask=True
    )


def _weights(config: Wav2Vec2Config, seed: int) -> dict[str, torch.Tensor]:
    """All tensors of the checkpoint, under the names of the published one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Wav2Vec2Model(config)
        head = {
            "classifier.dense.weight": torch.randn(HIDDEN_SIZE, HIDDEN_SIZE) / HIDDEN_SIZE**0.5,
            "classifier.dense.bias": torch.zeros(HIDDEN_SIZE),
            "classifier.out_proj.weight": torch.randn(len(_DIMS), HIDDEN_SIZE) * 0.2 / HIDDEN_SIZE**0.5,
            "classifier.out_proj.bias": torch.full((len(_DIMS),), 0.5),
        }
    encoder = {f"wav2vec2.{_published_name(name)}": tensor for name, tensor in model.state_dict().items()}
    return {name: tensor.detach().contiguous() for name, tensor in (encoder | head).items()}


def _published_name(name: str) -> str:
    """The checkpoint is older than torch's parametrizations: its weight norm is ``weight_g`` and ``weight_v``."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"
    )
