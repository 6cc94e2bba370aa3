"""The encoder equals the plain transformers model, whatever the batch."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder, load_encoder
from extract.encoders.speech.weight_files import NEW_NAMES
from extract.errors import ClipError, EncoderError

FAMILIES = {"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel", "wavlm": "WavLMModel"}


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


def test_features_equal_the_plain_model(relative, encoder, plain, clips) -> None:
    for samples in clips:
        encoded, reference = encoder.encode([samples])[0], plain(samples)
        assert relative(encoded.frames["hidden_states/2"], reference["hidden"]) < 5e-6
        assert relative(encoded.frames["vad"], reference["vad"]) < 1e-5
        assert relative(encoded.global_mean["hidden_states/2"], reference["mean"]) < 5e-6
        assert relative(encoded.clip["vad"], reference["clip_vad"]) < 1e-5
        np.testing.assert_allclose(encoded.global_mean["vad"], encoded.frames["vad"].mean(axis=0), atol=1e-6)


def test_features_do_not_depend_on_batch_mates(relative, encoder, clips) -> None:
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


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_lower_precision_is_close_and_named_in_the_recipe(
    relative, tiny_encoder, encoder, clips, precision
) -> None:
    low = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu", precision=precision))
    assert low.recipe["precision"] == precision
    error = relative(low.encode([clips[1]])[0].frames["vad"], encoder.encode([clips[1]])[0].frames["vad"])
    assert 0 < error < 0.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(relative, tiny_encoder, encoder, clips) -> None:
    cuda = load_encoder(EncoderOptions(str(tiny_encoder), device="cuda", precision="float32"))
    for one, other in zip(cuda.encode(clips), encoder.encode(clips), strict=True):
        assert relative(one.frames["vad"], other.frames["vad"]) < 1e-3


def test_another_label_order_is_put_right(tiny_encoder, edited, load, clips) -> None:
    order = [2, 0, 1]

    def permute(weights) -> None:
        for name in ("weight", "bias"):
            weights[f"classifier.out_proj.{name}"] = weights[f"classifier.out_proj.{name}"][
                order
            ].contiguous()

    folder = edited(tiny_encoder, permute, id2label={"0": "valence", "1": "arousal", "2": "dominance"})
    one, other = (load(each).encode(clips[:1])[0].frames["vad"] for each in (folder, tiny_encoder))
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "model_type in .*: found 'bert', expected wav2vec2, hubert, wavlm"),
        ({"id2label": {"0": "angry", "1": "sad", "2": "happy"}}, "angry, sad, happy"),
        ({"id2label": {"0": "arousal"}}, "arousal"),
    ],
)
def test_a_config_that_is_no_vad_encoder_is_an_error(tiny_encoder, edited, load, changes, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load(edited(tiny_encoder, **changes))


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_equals_transformers_alone(load, relative, saved, voice, family, norm) -> None:
    folder = saved[family, norm]
    encoder = load(folder, layers="1,2")
    model = getattr(transformers, FAMILIES[family]).from_pretrained(folder).eval()
    seen = []
    model.encoder.layers[0].register_forward_hook(lambda _m, _i, out: seen.append(out))
    for seconds in (0.3, 1.7):
        samples = voice(seconds)[:, 0]
        extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder)
        with torch.no_grad():
            values = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_values
            expected = model(values).last_hidden_state[0].numpy()
        encoded = encoder.encode([samples])[0]
        inner = seen[-1][0] if isinstance(seen[-1], tuple) else seen[-1]
        assert relative(encoded.frames["hidden_states/2"], expected) < 1e-5
        assert relative(encoded.frames["hidden_states/1"], inner.reshape(expected.shape).numpy()) < 1e-5
        assert encoded.clip == {}
        assert not encoded.windowed
    assert [field.name for field in encoder.fields] == ["hidden_states/1", "hidden_states/2"]
    assert encoder.recipe["vad"] == []
    assert find_encoder(EncoderOptions(str(folder), layers="1,2"), weights=False).fields == encoder.fields


@pytest.mark.parametrize("family", FAMILIES)
def test_layer_norm_encoders_do_not_care_about_batch_mates(load, relative, saved, voice, family) -> None:
    encoder = load(saved[family, "layer"], layers="1,2")
    assert not encoder.equal_lengths
    clips = [voice(seconds, seed=number)[:, 0] for number, seconds in enumerate((0.5, 1.3, 0.025, 2.0))]
    for encoded, clip in zip(encoder.encode(clips), clips, strict=True):
        for name, values in encoder.encode([clip])[0].frames.items():
            assert relative(encoded.frames[name], values) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_group_norm_encoders_ask_for_equal_lengths_and_then_do_not_care(
    load, relative, saved, voice, family
) -> None:
    encoder = load(saved[family, "group"])
    assert encoder.equal_lengths
    clips = [voice(0.8, seed=number)[:, 0] for number in range(3)]
    for encoded, clip in zip(encoder.encode(clips), clips, strict=True):
        alone = encoder.encode([clip])[0].frames["hidden_states/2"]
        assert relative(encoded.frames["hidden_states/2"], alone) < 1e-5


def test_running_out_of_memory_halves_the_batch_and_is_remembered(load, saved, voice, monkeypatch) -> None:
    encoder = load(saved["wav2vec2", "layer"])
    plain, sizes = encoder._encode, []

    def crowded(clips):
        sizes.append(len(clips))
        if len(clips) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(clips)

    monkeypatch.setattr(encoder, "_encode", crowded)
    clips = [voice(0.5, seed=number)[:, 0] for number in range(7)]
    encoded = encoder.encode(clips)
    assert [len(e.frames["hidden_states/2"]) for e in encoded] == [24] * 7
    assert sizes == [7, 3, 1, 2, 4, 2, 2]
    assert encoder.memory_seconds == pytest.approx(1.0)
    monkeypatch.setattr(encoder, "_encode", lambda clips: crowded([*clips] * 3))
    with pytest.raises(ClipError, match=r"0\.5 s do not fit cpu") as refusal:
        encoder.encode(clips[:1])
    assert refusal.value.reason == "out_of_memory"


def test_other_faults_of_the_device_are_not_taken_for_a_lack_of_memory(
    load, saved, voice, monkeypatch
) -> None:
    encoder = load(saved["wav2vec2", "layer"])

    def broken(clips):
        raise RuntimeError("a bug")

    monkeypatch.setattr(encoder, "_encode", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        encoder.encode([voice(0.5)[:, 0]])


def test_a_version_of_transformers_with_other_defaults_is_refused(
    tiny_encoder, edited, load, monkeypatch
) -> None:
    folder = edited(tiny_encoder)
    config = json.loads((folder / "config.json").read_text())
    del config["layer_norm_eps"]
    (folder / "config.json").write_text(json.dumps(config))
    assert load(folder).recipe["config_sha256"] == load(tiny_encoder).recipe["config_sha256"]
    monkeypatch.setitem(load(folder)._layout.family.settings, "layer_norm_eps", 1e-3)
    with pytest.raises(EncoderError, match=r"takes layer_norm_eps as 1e-05, expected 0\.001; state it in"):
        load(folder)
