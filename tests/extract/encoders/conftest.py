"""Small encoders of every family, and edited copies of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder

FAMILIES = ("wav2vec2", "hubert", "wavlm")
GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}


@pytest.fixture(scope="session")
def saved(tmp_path_factory, save_encoder):
    """Every family, with layer norm and with group norm in its convolutions."""
    root = tmp_path_factory.mktemp("families")
    folders = {}
    for family in FAMILIES:
        folders[family, "layer"] = save_encoder(root / f"{family}-layer", family)
        folders[family, "group"] = save_encoder(root / f"{family}-group", family, **GROUP)
    return folders


@pytest.fixture(scope="session")
def relative():
    """Relative L2 distance of two arrays."""

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a - b) / np.linalg.norm(b))

    return distance


@pytest.fixture(scope="session")
def load():
    """Load the encoder of a folder on the CPU."""
    return lambda folder, **options: load_encoder(EncoderOptions(str(folder), device="cpu", **options))


@pytest.fixture
def edited(tmp_path):
    """Copy an encoder's folder, change its weights and its config; return the copy."""

    def edit(folder, change=None, **config):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        if change is not None:
            weights = load_file(copy / "model.safetensors")
            change(weights)
            save_file(weights, copy / "model.safetensors", {"format": "pt"})
        path = copy / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config))
        return copy

    return edit
