"""A tiny encoder with random weights, in the checkpoint layout of the real one.

The layout is that of ``audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim``: wav2vec 2.0 with layer norm in
its convolutions, and a regression head for arousal, dominance and valence. The weights are random and fixed,
only shaped such that frames tell voices apart. They are good for running every line of the real path without
a download, and for nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from extract.demo.voice import EMOTIONS, SAMPLING_RATE, Speaker, synthesise

HIDDEN_SIZE = 32
_CONV_SIZE = 48
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
    extractor = Wav2Vec2FeatureExtractor(
        sampling_rate=SAMPLING_RATE, do_normalize=True, return_attention_mask=True
    )
    config.save_pretrained(folder)
    extractor.save_pretrained(folder)
    (folder / "vocab.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(save(_weights(config, seed), metadata={"format": "pt"}))


def _config() -> Wav2Vec2Config:
    """The real encoder's configuration with everything that is a size made small."""
    return Wav2Vec2Config(
        architectures=["Wav2Vec2ForSpeechClassification"],
        id2label=dict(enumerate(_DIMS)),
        label2id={dim: index for index, dim in enumerate(_DIMS)},
        problem_type="regression",
        finetuning_task="wav2vec2_reg",
        pooling_mode="mean",
        conv_dim=(_CONV_SIZE,) * 7,
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
    )


def _weights(config: Wav2Vec2Config, seed: int) -> dict[str, torch.Tensor]:
    """All tensors of the checkpoint, under the names of the published one."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = Wav2Vec2Model(config).eval()
        _shape_convolutions(model)
        _shape_transformer(model)
        _calibrate_projection(model, seed)
        head = {
            "classifier.dense.weight": torch.randn(HIDDEN_SIZE, HIDDEN_SIZE) / HIDDEN_SIZE**0.5,
            "classifier.dense.bias": torch.zeros(HIDDEN_SIZE),
            "classifier.out_proj.weight": 0.2 * torch.randn(len(_DIMS), HIDDEN_SIZE) / HIDDEN_SIZE**0.5,
            "classifier.out_proj.bias": torch.full((len(_DIMS),), 0.5),
        }
    encoder = {f"wav2vec2.{_published_name(name)}": tensor for name, tensor in model.state_dict().items()}
    return {name: tensor.detach().contiguous() for name, tensor in (encoder | head).items()}


def _published_name(name: str) -> str:
    """Older than torch's parametrizations, the published checkpoint says ``weight_g`` and ``weight_v``."""
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v")


def _shape_convolutions(model: Wav2Vec2Model) -> None:
    """Random filters first, then mixing and averaging: what leaves is the energy of bands, not its phase.

    The biases let layer norm keep some of the loudness.
    """
    for index, layer in enumerate(model.feature_extractor.conv_layers):
        weight = layer.conv.weight  # (out, in, taps)
        if index == 0:
            weight.normal_(std=weight.shape[2] ** -0.5)
            layer.conv.bias.normal_(std=0.5)
        else:
            mixing = torch.randn(_CONV_SIZE, _CONV_SIZE, 1) / _CONV_SIZE**0.5
            texture = torch.randn_like(weight) / (_CONV_SIZE * weight.shape[2]) ** 0.5
            weight.copy_(mixing / weight.shape[2] + 0.05 * texture)
            layer.conv.bias.normal_(std=0.3)


def _shape_transformer(model: Wav2Vec2Model) -> None:
    """Weak random layers: they change the frames without burying them."""
    model.encoder.pos_conv_embed.conv.parametrizations.weight.original0.mul_(0.5)
    for module in model.encoder.layers.modules():
        if isinstance(module, nn.Linear):
            module.weight.normal_(std=0.3 * module.in_features**-0.5)


def _calibrate_projection(model: Wav2Vec2Model, seed: int) -> None:
    """Project whitened features: centred and scaled on a few voices, as training would have left them."""
    features = model.feature_extractor(_voices(seed)).transpose(1, 2).reshape(-1, _CONV_SIZE)
    features = model.feature_projection.layer_norm(features).double()
    centre = features.mean(dim=0)
    variance, basis = torch.linalg.eigh(torch.cov((features - centre).T))
    whitening = basis / torch.sqrt(variance + 1e-3 * variance.max())
    rotation = torch.randn(HIDDEN_SIZE, _CONV_SIZE, dtype=torch.float64) / _CONV_SIZE**0.5
    weight = rotation @ whitening.T
    model.feature_projection.projection.weight.copy_(weight)
    model.feature_projection.projection.bias.copy_(-weight @ centre)


def _voices(seed: int) -> torch.Tensor:
    """Eight clips of 4 s from low to high voices, zero mean and unit variance: (8, 64000)."""
    rng = np.random.default_rng(seed)
    clips = []
    for tall in np.linspace(0, 1, 8):
        speaker = Speaker(pitch=105 * 1.5**tall, tract=0.92 + 0.16 * tall, tempo=4.2, breath=0.06)
        clip = synthesise(rng.uniform(0, 1, len(EMOTIONS)), speaker, 4.0, rng)
        clips.append((clip - clip.mean()) / clip.std())
    return torch.from_numpy(np.stack(clips))
