"""WavLM with other people's heads: values equal the published formulas, alone or together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError

pytestmark = pytest.mark.usefixtures("small_backbone")


def states_of(model, sound) -> list[torch.Tensor]:
    """All layers of transformers' own forward, each (frames, hidden)."""
    with torch.inference_mode():
        out = model(torch.from_numpy(sound)[None], output_hidden_states=True)
    return [state[0] for state in out.hidden_states[:-1]] + [out.last_hidden_state[0]]


def odyssey(weights, model, sound) -> np.ndarray:
    """The challenge baseline's values of a clip, by its formulas."""
    x = states_of(model, ((sound + 8.2e-05) / (0.085 + 1e-6)).astype(np.float32))[-1]
    scores = torch.tanh(x @ weights["pool_model.sap_linear.weight"].T + weights["pool_model.sap_linear.bias"])
    share = torch.softmax(scores @ weights["pool_model.attention"], dim=0)
    mean = (share * x).sum(0)
    deviation = ((share * x**2).sum(0) - mean**2).clamp(min=1e-5).sqrt()
    hidden = functional.linear(
        torch.cat([mean, deviation]), weights["ser_model.fc.0.0.weight"], weights["ser_model.fc.0.0.bias"]
    )
    norm = weights["ser_model.fc.0.1.weight"], weights["ser_model.fc.0.1.bias"]
    hidden = torch.relu(functional.layer_norm(hidden, hidden.shape, *norm))
    return functional.linear(
        hidden, weights["ser_model.out.0.weight"], weights["ser_model.out.0.bias"]
    ).numpy()


def vox_profile(weights, model, sound) -> tuple[np.ndarray, np.ndarray]:
    """Vox-Profile's values of frames and clip in the order arousal, valence, dominance, by its formulas."""
    from copy import deepcopy

    updated = deepcopy(model)
    for name, module in updated.named_modules():
        update = weights.get(f"backbone_model.{name}.lora_A")
        if update is not None:
            module.weight.data += weights[f"backbone_model.{name}.lora_B"] @ update / len(update)
    states = torch.stack(states_of(updated, ((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7))))
    x = (torch.softmax(weights["weights"], 0)[:, None, None] * states).sum(0)
    for n in (0, 3, 6):
        x = functional.linear(x, weights[f"model_seq.{n}.weight"][:, :, 0], weights[f"model_seq.{n}.bias"])
        x = torch.relu(x) if n < 6 else x

    def head(dim, given):
        first, second = (
            (weights[f"{dim}_layer.{n}.weight"], weights[f"{dim}_layer.{n}.bias"]) for n in (0, 2)
        )
        return torch.sigmoid(functional.linear(torch.relu(functional.linear(given, *first)), *second))

    dims = ("arousal", "valence", "dominance")
    return tuple(torch.cat([head(dim, given) for dim in dims], -1).numpy() for given in (x, x.mean(0)))


def test_the_odyssey_baseline_equals_its_formulas(load, ser, small_wavlm, sounds) -> None:
    weights, encoder = load_file(ser / "model.safetensors"), load(ser)
    for sound, encoded in zip(sounds, encoder.encode(sounds), strict=True):
        np.testing.assert_allclose(encoded.clip["vad"], odyssey(weights, small_wavlm, sound), atol=1e-4)
        frames = encoded.frames["vad"]
        assert frames.shape == (encoder.num_frames(len(sound)), 3)
        assert np.isfinite(frames).all()


def test_its_frames_are_the_heads_over_the_second_around_them(load, ser, sounds) -> None:
    short = load(ser).encode([sounds[1][:8_000]])[0]  # 24 frames: every second holds all of them
    np.testing.assert_allclose(short.frames["vad"], np.tile(short.clip["vad"], (24, 1)), atol=1e-5)


def test_vox_profile_equals_its_formulas_in_our_order(load, vox, small_wavlm, sounds) -> None:
    weights, encoder = load_file(vox / "model.safetensors"), load(vox)
    for sound, encoded in zip(sounds, encoder.encode(sounds), strict=True):
        frames, clip = vox_profile(weights, small_wavlm, sound)
        ours = [0, 2, 1]  # arousal, dominance, valence of arousal, valence, dominance
        np.testing.assert_allclose(encoded.clip["vad"], clip[ours], atol=1e-4)
        np.testing.assert_allclose(encoded.frames["vad"], frames[:, ours], atol=1e-4)


@pytest.mark.parametrize("layout", ["ser", "vox"])
def test_a_clip_does_not_depend_on_its_batch(load, request, layout, sounds, relative) -> None:
    encoder = load(request.getfixturevalue(layout), layers="1,last")
    for sound, together in zip(sounds, encoder.encode(sounds), strict=True):
        alone = encoder.encode([sound])[0]
        for name in ("hidden_states/1", "hidden_states/3", "vad"):
            assert relative(together.frames[name], alone.frames[name]) <= 1e-5
        assert relative(together.clip["vad"], alone.clip["vad"]) <= 1e-5


@pytest.mark.parametrize("order", [("valence", "arousal", "dominance"), ("dominance", "valence", "arousal")])
def test_another_order_of_labels_is_mapped(load, edited, ser, sounds, order) -> None:
    ours = load(ser).encode(sounds[1:2])[0].clip["vad"]
    other = load(edited(ser, id2label=dict(enumerate(order)))).encode(sounds[1:2])[0].clip["vad"]
    where = [order.index(dim) for dim in ("arousal", "dominance", "valence")]
    np.testing.assert_array_equal(other, ours[where])


@pytest.mark.parametrize(
    ("layout", "config", "message"),
    [
        ("ser", {"id2label": {"0": "anger", "1": "joy", "2": "fear"}}, "names anger, joy, fear"),
        ("ser", {"num_classes": 8}, "num_classes 8"),
        ("ser", {"mean": None}, "mean in the encoder's config.json is 'None'"),
        ("ser", {"std": 0.0}, "expected more than 0"),
        ("ser", {"ssl_type": "microsoft/wavlm-base"}, "ssl_type .* 'microsoft/wavlm-base', expected"),
        ("vox", {"pretrain_model": "wavlm"}, "pretrain_model .* 'wavlm', expected"),
        ("vox", {"hidden_dim": 128}, "hidden_dim 128"),
        ("vox", {"finetune_method": "adapter"}, "finetune_method 'adapter'"),
        ("vox", {"lora_rank": 5}, "are no update of rank 5 for"),
        ("vox", {"use_conv_output": False}, r"weights is \(4,\), expected \(3,\)"),
    ],
)
def test_configs_of_something_else_are_refused(load, edited, request, layout, config, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load(edited(request.getfixturevalue(layout), **config))


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("ser", "pool_model.attention"), ("ser", "ser_model.out.0.bias"), ("vox", "weights"),
        ("vox", "dominance_layer.2.weight"),
        ("vox", "backbone_model.encoder.layers.2.feed_forward.output_dense.bias"),
    ],
)  # fmt: skip
def test_a_missing_weight_is_named(load, edited, request, layout, name) -> None:
    with pytest.raises(EncoderError, match=name.replace(".", r"\.")):
        load(edited(request.getfixturevalue(layout), lambda weights: weights.pop(name)))


@pytest.mark.parametrize("part", ["weight", "lora_A", "lora_B"])
def test_whole_numbers_in_an_update_are_refused(load, edited, vox, part) -> None:
    name = f"backbone_model.encoder.layers.2.feed_forward.output_dense.{part}"
    with pytest.raises(EncoderError, match=r"output_dense\.weight or its update holds .*torch\.int8"):
        load(edited(vox, lambda weights: weights.update({name: weights[name].to(torch.int8)})))


def test_the_recipe_says_how_sound_is_prepared(ser, vox) -> None:
    recipes = [find_encoder(EncoderOptions(str(folder), device="cpu")).recipe for folder in (ser, vox)]
    assert recipes[0]["normalisation"] == "mean -8.2e-05 and standard deviation 0.085 of the encoder's config"
    assert recipes[1]["normalisation"] == "zero mean, unit variance per clip"
    assert all(recipe["vad"] == ["arousal", "dominance", "valence"] for recipe in recipes)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("layout", ["ser", "vox", "wav2small"])
def test_values_on_cuda_are_those_of_the_cpu(request, relative, layout) -> None:
    folder = str(request.getfixturevalue(layout))
    sounds = [np.random.default_rng(n).normal(0, 0.1, 8_000 * (n + 1)).astype(np.float32) for n in range(3)]
    cuda, cpu = (
        find_encoder(EncoderOptions(folder, device=device, precision="float32")).load().encode(sounds)
        for device in ("cuda", "cpu")
    )
    for one, other in zip(cuda, cpu, strict=True):
        for found, wanted in ((one.frames, other.frames), (one.clip, other.clip)):
            assert found.keys() == wanted.keys()
            assert all(relative(found[name], values) < 1e-3 for name, values in wanted.items())
