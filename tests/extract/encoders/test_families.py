"""wav2vec 2.0, HuBERT and WavLM through one path: equal to transformers alone, in any batch, at any length."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import DEFAULT_CONFIG
from extract.encoders.lookup import find_encoder, load_encoder
from extract.encoders.speech import long_clips
from extract.encoders.speech.layout import read_layout
from extract.encoders.speech.long_clips import CONTEXT, WINDOW, windows
from extract.encoders.wav2vec2 import WAV2VEC2
from extract.errors import ClipError, EncoderError

FAMILIES = {"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel", "wavlm": "WavLMModel"}
GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def saved(tmp_path_factory, save_encoder):
    """Every family, with layer norm and with group norm in its convolutions."""
    root = tmp_path_factory.mktemp("families")
    folders = {}
    for family in FAMILIES:
        folders[family, "layer"] = save_encoder(root / f"{family}-layer", family)
        folders[family, "group"] = save_encoder(root / f"{family}-group", family, **GROUP)
    return folders


def load(folder, **options):
    return load_encoder(EncoderOptions(str(folder), device="cpu", **options))


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_equals_transformers_alone(saved, voice, family, norm) -> None:
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
def test_layer_norm_encoders_do_not_care_about_batch_mates(saved, voice, family) -> None:
    encoder = load(saved[family, "layer"], layers="1,2")
    assert not encoder.equal_lengths
    clips = [voice(seconds, seed=number)[:, 0] for number, seconds in enumerate((0.5, 1.3, 0.025, 2.0))]
    for encoded, clip in zip(encoder.encode(clips), clips, strict=True):
        for name, values in encoder.encode([clip])[0].frames.items():
            assert relative(encoded.frames[name], values) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_group_norm_encoders_ask_for_equal_lengths_and_then_do_not_care(saved, voice, family) -> None:
    encoder = load(saved[family, "group"])
    assert encoder.equal_lengths
    clips = [voice(0.8, seed=number)[:, 0] for number in range(3)]
    for encoded, clip in zip(encoder.encode(clips), clips, strict=True):
        alone = encoder.encode([clip])[0].frames["hidden_states/2"]
        assert relative(encoded.frames["hidden_states/2"], alone) < 1e-5


def test_windows_tile_a_clip_and_every_frame_has_its_context() -> None:
    for frames in (1, WINDOW, WINDOW + 1, WINDOW + 777, 5 * WINDOW, 62_495):
        covered = []
        for seen, kept in windows(frames):
            assert seen.stop - seen.start <= WINDOW
            assert kept.start >= (CONTEXT if seen.start else 0)
            assert seen.stop == frames or kept.stop == WINDOW - CONTEXT
            covered += range(seen.start + kept.start, seen.start + kept.stop)
        assert covered == list(range(frames))


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_convolutions_in_chunks_are_exact(saved, voice, norm) -> None:
    encoder = load(saved["wav2vec2", norm])
    extractor = encoder._model.feature_extractor.double()
    inputs = torch.from_numpy(voice(4.0)[:, 0]).double()[None]
    whole = extractor(inputs).transpose(1, 2)
    for chunk in (7, 25, 100):
        original, long_clips.WINDOW = long_clips.WINDOW, 10
        try:
            parts = long_clips.convolve(extractor, inputs, encoder._layout, chunk)
        finally:
            long_clips.WINDOW = original
        assert parts.shape == whole.shape
        assert relative(parts.numpy(), whole.numpy()) < (1e-12 if norm == "layer" else 1e-6)


def test_a_clip_beyond_the_limit_is_marked_and_close_to_whole_attention(saved, voice, monkeypatch) -> None:
    encoder = load(saved["wav2vec2", "layer"])
    clip = voice(8.0)[:, 0]
    whole = encoder.encode([clip])[0]
    monkeypatch.setattr("extract.encoders.speech.long_clips.WINDOW", 200)
    monkeypatch.setattr("extract.encoders.speech.long_clips.CONTEXT", 60)
    monkeypatch.setattr("extract.encoders.speech.transformer.WHOLE_SECONDS", 4.0)
    long = encoder.encode([clip])[0]
    assert long.windowed
    assert not whole.windowed
    name = "hidden_states/2"
    assert long.frames[name].shape == whole.frames[name].shape
    assert relative(long.frames[name], whole.frames[name]) < 0.2
    assert long.global_mean[name] == pytest.approx(long.frames[name].mean(axis=0), abs=1e-5)
    together = encoder.encode([clip, clip[:16_000]])
    assert relative(together[0].frames[name], long.frames[name]) < 1e-6


def test_running_out_of_memory_halves_the_batch_and_is_remembered(saved, voice, monkeypatch) -> None:
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


def test_other_faults_of_the_device_are_not_taken_for_a_lack_of_memory(saved, voice, monkeypatch) -> None:
    encoder = load(saved["wav2vec2", "layer"])

    def broken(clips):
        raise RuntimeError("a bug")

    monkeypatch.setattr(encoder, "_encode", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        encoder.encode([voice(0.5)[:, 0]])


def edit(folder, tmp_path, change, **config):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(tmp_path / "copy" / "model.safetensors")
    change(weights)
    save_file(weights, tmp_path / "copy" / "model.safetensors", {"format": "pt"})
    path = tmp_path / "copy" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return tmp_path / "copy"


def keep(_weights) -> None:
    """Change nothing."""


def test_heads_that_an_architecture_declares_are_left_out_and_no_others(saved, tmp_path, voice) -> None:
    def add_head(weights) -> None:
        for name in list(weights):
            weights[f"hubert.{name}"] = weights.pop(name)
        weights["lm_head.weight"] = torch.zeros(32, 64)

    folder = edit(saved["hubert", "layer"], tmp_path, add_head, architectures=["HubertForCTC"])
    samples = voice(0.5)[:, 0]
    expected = load(saved["hubert", "layer"]).encode([samples])[0].frames["hidden_states/2"]
    np.testing.assert_array_equal(load(folder).encode([samples])[0].frames["hidden_states/2"], expected)
    (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()) | {"architectures": ["HubertModel"]})
    )
    with pytest.raises(EncoderError, match=r"unexpected lm_head\.weight"):
        load(folder)


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
def test_what_does_not_fit_is_one_line(saved, tmp_path, change, config, message) -> None:
    folder = edit(saved["wav2vec2", "layer"], tmp_path, change, **config)
    with pytest.raises(EncoderError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("count", "example"), [(1, "1"), (2, "1,2"), (12, "6,12"), (24, "12,24")])
def test_the_layers_of_a_refusal_can_be_had(count, example) -> None:
    config = {**DEFAULT_CONFIG, "num_hidden_layers": count}
    with pytest.raises(EncoderError, match=rf"numbers from 1 to {count}, such as {example}$"):
        read_layout(config, "99", WAV2VEC2)
    assert read_layout(config, example, WAV2VEC2).layers == tuple(map(int, example.split(",")))
