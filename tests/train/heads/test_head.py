"""The head against independent numpy code, and one clip against the same clip in any batch."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from cache import CacheReader
from train import FitConfig, FusionHead, HeadShape, fit, load_run
from train.errors import ConfigError
from train.features.batches import Batcher, load_features
from train.heads.head import new_head
from train.runs.predict import predict

SWITCHES = ("global_mean", "fusion_head", "lstm", "vad")
VALID = [on for on in itertools.product([True, False], repeat=4) if on[0] or on[2]]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_lstm(tensors, frames, layers):
    """Run an LSTM in float64 after torch's documented equations; gate order i, f, g, o."""
    sequence = frames.astype(np.float64)
    for layer in range(layers):
        w_ih, w_hh = (tensors[f"lstm.weight_{kind}_l{layer}"].astype(np.float64) for kind in ("ih", "hh"))
        bias = tensors[f"lstm.bias_ih_l{layer}"].astype(np.float64) + tensors[f"lstm.bias_hh_l{layer}"]
        hidden = cell = np.zeros(w_hh.shape[1])
        outputs = []
        for frame in sequence:
            i, f, g, o = np.split(w_ih @ frame + w_hh @ hidden + bias, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        sequence = np.array(outputs)
    return sequence[-1]


def numpy_head(tensors, frames, mean, config):
    parts = [mean.astype(np.float64)] if config.global_mean else []
    if config.lstm:
        parts.append(numpy_lstm(tensors, frames, config.lstm_layers))
    joined = np.concatenate(parts)
    if not config.fusion_head:
        return tensors["fusion_head.weight"] @ joined + tensors["fusion_head.bias"]
    joined = np.tanh(tensors["fusion_head.0.weight"] @ joined + tensors["fusion_head.0.bias"])
    return tensors["fusion_head.2.weight"] @ joined + tensors["fusion_head.2.bias"]


@pytest.mark.parametrize("switches", VALID, ids=lambda on: "".join("-+"[value] for value in on))
def test_a_fitted_head_equals_independent_numpy_code(switches, corpus, splits, quiet, tmp_path):
    config = FitConfig(**dict(zip(SWITCHES, switches, strict=True)), hidden=5, epochs=1, batch_size=16)
    run = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    tensors = load_file(run.path / "head.safetensors")
    fields = ["hidden_states/2", "vad"] if config.vad else ["hidden_states/2"]
    predictions = predict(run, corpus.cache, splits.valid.clip_ids)
    with CacheReader(corpus.cache) as reader:
        for clip_id, predicted in zip(predictions.clip_ids, predictions.values, strict=True):
            frames = np.concatenate([reader.read_frames(clip_id, field) for field in fields], axis=1)
            means = [reader.clip_table(f"global_mean/{field}", [clip_id])[0] for field in fields]
            expected = numpy_head(tensors, frames, np.concatenate(means), config)
            np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_without_lstm_and_global_mean_there_is_no_head():
    with pytest.raises(ConfigError, match="nothing would feed the head"):
        FitConfig(lstm=False, global_mean=False)
    with pytest.raises(ConfigError, match="needs the LSTM, the global mean, or both"):
        HeadShape(width=4, targets=2, lstm=False, global_mean=False)


def test_tensors_have_the_shapes_and_names_of_the_method():
    with torch.device("meta"):
        head = FusionHead(HeadShape(width=1027, targets=6))
    shapes = {name: tuple(tensor.shape) for name, tensor in head.state_dict().items()}
    assert shapes["lstm.weight_ih_l0"] == shapes["lstm.weight_hh_l1"] == (4108, 1027)
    assert shapes["fusion_head.0.weight"] == (2054, 2054)
    assert shapes["fusion_head.2.weight"] == (6, 2054)
    lstm = sum(p.numel() for p in head.lstm.parameters())
    assert round(lstm / 1e6, 2) == 16.89
    assert round((head.num_parameters() - lstm) / 1e6, 2) == 4.23


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=2, max_size=9), seed=st.integers(0, 2**16))
def test_padded_equals_alone(lengths, seed):
    head = new_head(HeadShape(width=6, targets=3, hidden=5), seed=0).eval()
    rng = np.random.default_rng(seed)
    clips = [torch.from_numpy(rng.standard_normal((n, 6)).astype(np.float32)) for n in lengths]
    means = torch.stack([clip.mean(0) for clip in clips])
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=1e3)
    with torch.inference_mode():
        together = head(padded, torch.tensor(lengths), means)
        for row, clip in enumerate(clips):
            alone = head(clip[None], torch.tensor([len(clip)]), means[row : row + 1])
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)


def test_a_prediction_does_not_depend_on_what_else_is_predicted(run, corpus, splits):
    ids = splits.valid.clip_ids
    together = predict(run, corpus.cache, ids).values
    reverse = predict(run, corpus.cache, ids[::-1]).values[::-1]
    alone = np.concatenate([predict(run, corpus.cache, [clip_id]).values for clip_id in ids])
    np.testing.assert_allclose(together, reverse, atol=1e-5)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_used_buffer_leaves_nothing_behind(corpus, splits):
    config = FitConfig()
    with CacheReader(corpus.cache) as reader:
        features = load_features(reader, splits.valid.clip_ids, config)
        batcher = Batcher(features, torch.device("cpu"))
        order = np.argsort(-features.lengths)
        batcher(order[:8])  # the longest clips fill the buffer
        batch = batcher(order[-8:].astype(np.int64))
        assert batch.frames is not None
        for row, length in enumerate(batch.lengths.tolist()):
            clip_id = features.clip_ids[order[-8:][row]]
            assert not batch.frames[row, length:].any()
            np.testing.assert_array_equal(batch.frames[row, :length, 8:], reader.read_frames(clip_id, "vad"))


def test_frames_read_per_batch_equal_frames_in_memory(corpus, splits):
    positions = np.array([3, 0, 7])
    with CacheReader(corpus.cache) as reader:
        stores = [
            load_features(reader, splits.valid.clip_ids, FitConfig(), budget=budget) for budget in (0, 1e9)
        ]
        assert [features.in_memory for features in stores] == [False, True]
        one, two = (Batcher(features, torch.device("cpu"))(positions) for features in stores)
        torch.testing.assert_close(one.frames, two.frames, atol=0, rtol=0)


def test_the_head_file_holds_no_pickle_and_says_what_it_is(run):
    from safetensors import safe_open

    with safe_open(run.path / "head.safetensors", "np") as file:
        described = json.loads(file.metadata()["emi_fusion"])
    assert described["targets"]["names"] == ["Admiration", "Amusement", "Empathic Pain"]
    assert described["config"] == run.config.to_dict()
    assert described["layer"] == 2
    assert load_run(run.path).targets.names == run.targets.names
