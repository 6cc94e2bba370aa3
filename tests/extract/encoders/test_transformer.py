"""The encoder equals the plain transformers model, whatever the batch, and loads every weight or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import find_model
from extract.encoders.lookup import load_encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.encoders.speech.checkpoint import load_checkpoint
from extract.encoders.speech.weight_files import NEW_NAMES
from extract.errors import EncoderError


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def encoder(tiny_encoder):
    return load_encoder(EncoderOptions(str(tiny_encoder), layers="1,2", device="cpu"))


@pytest.fixture(scope="module")
def plain(tiny_encoder):
    """What a careful user would write with transformers alone, one clip at a time."""
    weights = load_file(tiny_encoder / "model.safetensors")
    config = Wav2Vec2Config.from_pretrained(tiny_encoder)
    model = Wav2Vec2Model(config).eval()
    renamed = {}
    for name, tensor in weights.items():
        new = next((name.replace(old, new) for old, new in NEW_NAMES.items() if old in name), name)
        renamed[new.removeprefix("wav2vec2.")] = tensor
    model.load_state_dict({k: v for k, v in renamed.items() if not k.startswith("classifier.")}, strict=False)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(tiny_encoder)

    def head(x: torch.Tensor) -> torch.Tensor:
        dense = torch.tanh(x @ weights["classifier.dense.weight"].T + weights["classifier.dense.bias"])
        return dense @ weights["classifier.out_proj.weight"].T + weights["classifier.out_proj.bias"]

    @torch.inference_mode()
    def run(samples: np.ndarray) -> dict[str, np.ndarray]:
        inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_values
        hidden = model(inputs).last_hidden_state[0]
        return {
            "hidden": hidden.numpy(),
            "vad": head(hidden).numpy(),
            "clip_vad": head(hidden.mean(dim=0)).numpy(),
            "mean": hidden.mean(dim=0).numpy(),
        }

    return run


@pytest.fixture(scope="module")
def clips(voice) -> list[np.ndarray]:
    return [voice(s, seed=i)[:, 0] for i, s in enumerate((0.5, 1.3, 0.025, 2.0, 1.3))]


def test_features_equal_the_plain_model(encoder, plain, clips) -> None:
    for samples in clips:
        encoded, reference = encoder.encode([samples])[0], plain(samples)
        assert relative(encoded.frames["hidden_states/2"], reference["hidden"]) < 1e-6
        assert relative(encoded.frames["vad"], reference["vad"]) < 1e-5
        assert relative(encoded.global_mean["hidden_states/2"], reference["mean"]) < 1e-6
        assert relative(encoded.clip["vad"], reference["clip_vad"]) < 1e-5
        np.testing.assert_allclose(encoded.global_mean["vad"], encoded.frames["vad"].mean(axis=0), atol=1e-6)


def test_features_do_not_depend_on_batch_mates(encoder, clips) -> None:
    alone = [encoder.encode([samples])[0] for samples in clips]
    for order in ([0, 1, 2, 3, 4], [3, 2, 4, 0, 1], [2, 3]):
        together = encoder.encode([clips[i] for i in order])
        for i, encoded in zip(order, together, strict=True):
            for name, values in encoded.frames.items():
                assert values.shape == alone[i].frames[name].shape
                assert relative(values, alone[i].frames[name]) < 1e-5
            assert relative(encoded.clip["vad"], alone[i].clip["vad"]) < 1e-5


def test_frame_counts(encoder) -> None:
    for samples in (399, 400, 719, 720, 16_000, 192_000):
        assert encoder.num_frames(samples) == max(0, (samples - 400) // 320 + 1)
    assert encoder.encode([np.ones(400, np.float32)])[0].frames["vad"].shape == (1, 3)


def test_inner_layers_are_the_states_between_the_blocks(encoder, clips, tiny_encoder) -> None:
    model = encoder._model
    seen = []
    hook = model.encoder.layers[0].register_forward_hook(lambda _m, _i, output: seen.append(output))
    try:
        encoded = encoder.encode([clips[0]])[0]
    finally:
        hook.remove()
    state = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
    np.testing.assert_allclose(
        encoded.frames["hidden_states/1"], state.reshape(-1, state.shape[-1]).numpy(), atol=1e-6
    )


def copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_encoder, tmp_path / "copy")
    return tmp_path / "copy"


def edit_weights(folder: Path, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


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


def test_another_label_order_is_put_right(tiny_encoder, tmp_path, clips) -> None:
    folder = copy(tiny_encoder, tmp_path)
    order = [2, 0, 1]

    def permute(weights) -> None:
        for name in ("weight", "bias"):
            weights[f"classifier.out_proj.{name}"] = weights[f"classifier.out_proj.{name}"][
                order
            ].contiguous()

    edit_weights(folder, permute)
    edit_config(folder, id2label={"0": "valence", "1": "arousal", "2": "dominance"})
    np.testing.assert_allclose(vad_of(folder, clips[0]), vad_of(tiny_encoder, clips[0]), atol=1e-6)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "model_type in .*: found 'bert', expected wav2vec2, hubert or wavlm"),
        ({"id2label": {"0": "angry", "1": "sad", "2": "happy"}}, "angry, sad, happy"),
        ({"id2label": {"0": "arousal"}}, "arousal"),
    ],
)
def test_a_config_that_is_no_vad_encoder_is_an_error(tiny_encoder, tmp_path, changes, message) -> None:
    folder = copy(tiny_encoder, tmp_path)
    edit_config(folder, **changes)
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


def test_without_a_network_one_line_says_how_to_get_the_model(python, tmp_path) -> None:
    (tmp_path / "x.wav").write_bytes(b"")
    done = python("-m", "extract", "run", str(tmp_path), "--out", str(tmp_path / "c"))
    assert done.returncode == 1
    assert DEFAULT_MODEL in done.stderr
    assert "hf download" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "0"}, "numbers from 1 to 2"),
        ({"layers": "first"}, "numbers from 1 to 2"),
        ({"precision": "float8"}, "float8"),
        ({"device": "tpu-9"}, "tpu-9"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_bad_options_are_one_line(tiny_encoder, options, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load_encoder(EncoderOptions(str(tiny_encoder), **options))


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_lower_precision_is_close_and_named_in_the_recipe(tiny_encoder, encoder, clips, precision) -> None:
    low = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu", precision=precision))
    assert low.recipe["precision"] == precision
    error = relative(low.encode([clips[1]])[0].frames["vad"], encoder.encode([clips[1]])[0].frames["vad"])
    assert 0 < error < 0.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(tiny_encoder, encoder, clips) -> None:
    cuda = load_encoder(EncoderOptions(str(tiny_encoder), device="cuda", precision="float32"))
    for one, other in zip(cuda.encode(clips), encoder.encode(clips), strict=True):
        assert relative(one.frames["vad"], other.frames["vad"]) < 1e-3
