"""Every weight is loaded and finds its place, or none is; nothing is unpickled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import find_model
from extract.encoders.lookup import load_encoder
from extract.encoders.speech.checkpoint import load_checkpoint
from extract.encoders.speech.weight_files import NEW_NAMES
from extract.errors import EncoderError


@pytest.fixture(scope="module")
def clips(voice) -> list[np.ndarray]:
    return [voice(s, seed=i)[:, 0] for i, s in enumerate((0.5, 1.3, 0.025, 2.0, 1.3))]


def copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_encoder, tmp_path / "copy")
    return tmp_path / "copy"


def edit_weights(folder: Path, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def vad_of(folder: Path, samples: np.ndarray) -> np.ndarray:
    return load_encoder(EncoderOptions(str(folder), device="cpu")).encode([samples])[0].frames["vad"]


def test_new_weight_norm_names_and_torch_files_load_to_identical_numbers(
    tiny_encoder, tmp_path, clips
) -> None:
    expected = vad_of(tiny_encoder, clips[0])
    folder = copy(tiny_encoder, tmp_path)
    weights = load_file(folder / "model.safetensors")
    renamed = {}
    for name, tensor in weights.items():
        new = next(
            (name.removesuffix(old) + new for old, new in NEW_NAMES.items() if name.endswith(old)), name
        )
        renamed[new] = tensor
    assert renamed.keys() != weights.keys()
    save_file(renamed, folder / "model.safetensors")
    np.testing.assert_array_equal(vad_of(folder, clips[0]), expected)
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(vad_of(folder, clips[0]), expected)
    hashes = {load_checkpoint(find_model(str(f), None)).weights_sha256() for f in (tiny_encoder, folder)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("classifier.out_proj.bias"), r"missing classifier\.out_proj\.bias"),
        (lambda w: [w.pop(k) for k in list(w) if k.startswith("classifier.")], "missing classifier"),
        (
            lambda w: w.pop("wav2vec2.encoder.layers.1.attention.k_proj.weight"),
            "missing wav2vec2.encoder.layers.1",
        ),
        (lambda w: w.update({"lm_head.weight": torch.zeros(2)}), "unexpected lm_head"),
        (lambda w: w.update({"classifier.out_proj.weight": torch.zeros(5, 48)}), "expected"),
    ],
)
def test_a_weight_that_is_missing_unexpected_or_misshapen_is_an_error(
    tiny_encoder, tmp_path, change, message
) -> None:
    folder = copy(tiny_encoder, tmp_path)
    edit_weights(folder, change)
    with pytest.raises(EncoderError, match=message):
        load_encoder(EncoderOptions(str(folder), device="cpu"))


def test_damaged_and_missing_files_are_one_line(tiny_encoder, tmp_path) -> None:
    folder = copy(tiny_encoder, tmp_path)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(EncoderError, match="download it again"):
        load_encoder(EncoderOptions(str(folder), device="cpu"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"lacks model\.safetensors"):
        load_encoder(EncoderOptions(str(folder), device="cpu"))
    with pytest.raises(EncoderError, match="no such folder"):
        load_encoder(EncoderOptions("./nowhere", device="cpu"))


def test_a_torch_file_with_code_in_it_is_refused(tiny_encoder, tmp_path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "owned").touch, ())

    folder = copy(tiny_encoder, tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"a": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="not readable as weights"):
        load_encoder(EncoderOptions(str(folder), device="cpu"))
    assert not (tmp_path / "owned").exists()


def test_heads_that_an_architecture_declares_are_left_out_and_no_others(saved, edited, load, voice) -> None:
    def add_head(weights) -> None:
        for name in list(weights):
            weights[f"hubert.{name}"] = weights.pop(name)
        weights["lm_head.weight"] = torch.zeros(32, 64)

    folder = edited(saved["hubert", "layer"], add_head, architectures=["HubertForCTC"])
    samples = voice(0.5)[:, 0]
    expected = load(saved["hubert", "layer"]).encode([samples])[0].frames["hidden_states/2"]
    np.testing.assert_array_equal(load(folder).encode([samples])[0].frames["hidden_states/2"], expected)
    (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()) | {"architectures": ["HubertModel"]})
    )
    with pytest.raises(EncoderError, match=r"unexpected lm_head\.weight"):
        load(folder)


def keep(_weights) -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    ("change", "config", "message"),
    [
        (lambda w: w.pop("encoder.layer_norm.weight"), {}, r"missing encoder\.layer_norm\.weight"),
        (lambda w: w["encoder.layer_norm.weight"].fill_(float("nan")), {}, "not finite"),
        (keep, {"add_adapter": True}, "another frame rate"),
        (keep, {"conv_stride": [5, 2, 2, 2, 2, 2, 1]}, "another frame rate"),
        (keep, {"conv_kernel": [10, 3]}, "cannot be used"),
        (keep, {"id2label": {"0": "arousal", "1": "valence"}}, "names arousal, valence"),
        (
            keep,
            {"id2label": {"0": "arousal", "1": "dominance", "2": "valence"}},
            r"missing classifier\.dense",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(saved, edited, load, change, config, message) -> None:
    folder = edited(saved["wav2vec2", "layer"], change, **config)
    with pytest.raises(EncoderError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)
