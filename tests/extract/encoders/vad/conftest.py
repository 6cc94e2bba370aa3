"""Stand-ins of the published layouts, small and with random weights, under the names their authors give them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

LAYERS, HIDDEN, RANK = 3, 16, 4
SER_CONFIG = {
    "model_type": "ser", "architectures": ["SERModel"], "ssl_type": "microsoft/wavlm-large", "num_classes": 3,
    "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "classifier_hidden_layers": 1,
    "classifier_dropout_prob": 0.5, "sampling_rate": 16_000, "mean": -8.2e-05, "std": 0.085,
    "id2label": {"0": "arousal", "1": "dominance", "2": "valence"},
}  # fmt: skip
VOX_CONFIG = {
    "pretrain_model": "wavlm_large", "hidden_dim": 256, "finetune_method": "lora", "lora_rank": RANK,
    "freeze_params": True, "output_class_num": 9, "use_conv_output": True, "detailed_class_num": 17,
}  # fmt: skip


@pytest.fixture(scope="session")
def small_wavlm():
    """WavLM-large's layout, small."""
    import transformers

    from extract.encoders.vad.layouts import WAVLM_LARGE

    torch.manual_seed(4)
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 2}
    config = {**WAVLM_LARGE, **sizes, "intermediate_size": 4 * HIDDEN, "conv_dim": [HIDDEN] * 7}
    return transformers.WavLMModel(transformers.WavLMConfig.from_dict(config)).eval()


@pytest.fixture
def small_backbone(monkeypatch, small_wavlm):
    """Have both layouts build on the small one."""
    small = {
        key: getattr(small_wavlm.config, key) for key in ("conv_dim", "hidden_size", "num_attention_heads")
    }
    small |= {"num_hidden_layers": LAYERS, "intermediate_size": 4 * HIDDEN}
    from extract.encoders.vad import layouts

    for name, config in list(layouts.BACKBONES.items()):
        monkeypatch.setitem(layouts.BACKBONES, name, {**config, **small})


def backbone(model, prefix):
    return {f"{prefix}{name}": tensor.clone().contiguous() for name, tensor in model.state_dict().items()}


def save(folder, weights, config):
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def ser(tmp_path_factory, small_wavlm):
    """The layout of 3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes."""
    torch.manual_seed(5)
    head = {
        "pool_model.sap_linear": nn.Linear(HIDDEN, HIDDEN), "ser_model.fc.0.0": nn.Linear(2 * HIDDEN, HIDDEN),
        "ser_model.fc.0.1": nn.LayerNorm(HIDDEN), "ser_model.out.0": nn.Linear(HIDDEN, 3),
    }  # fmt: skip
    weights = backbone(small_wavlm, "ssl_model.") | {"pool_model.attention": torch.randn(HIDDEN, 1)}
    weights |= {
        f"{name}.{key}": value for name, module in head.items() for key, value in module.state_dict().items()
    }
    return save(tmp_path_factory.mktemp("ser") / "model", weights, SER_CONFIG)


@pytest.fixture(scope="session")
def vox(tmp_path_factory, small_wavlm):
    """The layout of tiantiaf/wavlm-large-msp-podcast-emotion-dim, with updates of the later half of the blocks."""
    torch.manual_seed(6)
    head = {f"model_seq.{3 * n}": nn.Conv1d(256 if n else HIDDEN, 256, 1) for n in range(3)}
    for dim in ("arousal", "valence", "dominance"):
        head |= {f"{dim}_layer.0": nn.Linear(256, 256), f"{dim}_layer.2": nn.Linear(256, 1)}
    weights = backbone(small_wavlm, "backbone_model.") | {"weights": torch.randn(LAYERS + 1)}
    weights |= {
        f"{name}.{key}": value for name, module in head.items() for key, value in module.state_dict().items()
    }
    for block in range(LAYERS // 2 + 1, LAYERS):
        for name, outer, inner in (("intermediate_dense", 4, 1), ("output_dense", 1, 4)):
            place = f"backbone_model.encoder.layers.{block}.feed_forward.{name}"
            weights[f"{place}.lora_A"] = 0.3 * torch.randn(RANK, inner * HIDDEN)
            weights[f"{place}.lora_B"] = 0.3 * torch.randn(outer * HIDDEN, RANK)
    return save(tmp_path_factory.mktemp("vox") / "model", weights, VOX_CONFIG)


@pytest.fixture(scope="session")
def wav2small(tmp_path_factory):
    """The layout of audeering/wav2small."""
    from extract.encoders.vad.wav2small_network import _Network

    torch.manual_seed(7)
    network = _Network()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    config = {
        "model_type": "wav2vec2",
        "architectures": ["Wav2Small"],
        "half_mel": 13,
        "n_fft": 64,
        "hop": 32,
    }
    weights = {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}
    return save(tmp_path_factory.mktemp("wav2small") / "model", weights, config)


@pytest.fixture(scope="session")
def sounds():
    rng = np.random.default_rng(8)
    return [rng.normal(0, 0.1, samples).astype(np.float32) for samples in (400, 9_000, 27_111, 9_000)]
