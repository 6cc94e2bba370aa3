"""All cached layers as one: the weighted sum, its fit, what a run says of it, and prediction."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train import FitConfig, fit, load_run, predict
from train.errors import ConfigError
from train.heads.head import HeadShape, new_head
from train.heads.layers import layer_shares, layer_sum


def test_the_sum_is_that_of_numpy():
    values, weights = torch.randn(2, 5, 3 * 4 + 2).double(), torch.randn(3).double()
    shares = np.exp(weights.numpy()) / np.exp(weights.numpy()).sum()
    expected = np.tensordot(values[..., :12].numpy().reshape(2, 5, 3, 4), shares, ((2,), (0,)))
    found = layer_sum(values, weights, 4)
    np.testing.assert_allclose(found[..., :4], expected, atol=1e-12)
    torch.testing.assert_close(found[..., 4:], values[..., 12:])
    assert layer_shares(weights, (2, 5, 9)) == dict(zip("259", map(pytest.approx, shares), strict=True))


@pytest.mark.parametrize("standardise", [False, True])
def test_padded_equals_alone_and_weights_learn(standardise):
    shape = HeadShape(
        width=4 + 1, targets=2, hidden=3, standardise=standardise, layers=3, layer_width=4, temporal="gru"
    )
    assert shape.given_width == 13
    head, lengths = new_head(shape, 0), torch.tensor([6, 2])
    frames, means = torch.randn(2, 6, 13), torch.randn(2, 13)
    frames[1, 2:] = 0
    together = head(frames, lengths, means)
    torch.testing.assert_close(head(frames[1:, :2], lengths[1:], means[1:])[0], together[1])
    together.square().sum().backward()
    assert head.layer_weights.grad.abs().min() > 0
    assert HeadShape(**shape.to_dict()) == shape


@pytest.mark.parametrize(
    "fields", [{"layers": 2}, {"layer_width": 2}, {"layers": 2, "layer_width": 9}, {"components": 1}]
)
def test_sizes_that_do_not_go_together_are_refused(fields):
    with pytest.raises(ConfigError, match="layers of a head"):
        HeadShape(
            **{
                "width": 4,
                "targets": 1,
                **({"layers": 2, "layer_width": 3} if "components" in fields else {}),
                **fields,
            }
        )


@pytest.fixture(scope="module")
def weighted(corpus, splits, small, quiet, tmp_path_factory):
    config = replace(small, layer="weighted", standardise="train")
    return fit(corpus.cache, splits, config, tmp_path_factory.mktemp("weighted") / "run", progress=quiet)


def test_a_fit_learns_the_weights_and_says_them(weighted, corpus, splits):
    found = json.loads((weighted.path / "metrics.json").read_text())["layer_weights"]
    assert list(found) == ["1", "2"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["2"] > found["1"]  # which is noise
    run = load_run(weighted.path)
    assert run.layer == (1, 2)
    assert run.head.layer_weights.shape == (2,)
    assert run.config.layer == "weighted"
    assert run.metrics["valid"]["pearson"]["mean"] > 0.4


def test_prediction_is_the_heads_and_that_of_the_clip_alone(weighted, corpus, splits):
    ids, run = splits.valid.clip_ids, load_run(weighted.path)
    together = predict(run, corpus.cache, ids).values
    np.testing.assert_allclose(predict(run, corpus.cache, ids[:1]).values[0], together[0], atol=1e-5)
    with CacheReader(corpus.cache) as reader:
        fields = ["hidden_states/1", "hidden_states/2", "vad"]
        frames = np.concatenate([reader.read_frames(ids[0], name).astype(np.float32) for name in fields], 1)
        means = np.concatenate([reader.clip_table(f"global_mean/{name}", ids[:1]) for name in fields], 1)
    with torch.no_grad():
        given = torch.from_numpy(frames)[None]
        own = run.head(given, torch.tensor([len(frames)]), torch.from_numpy(means).float())
    np.testing.assert_allclose(own.numpy()[0], together[0], atol=1e-5)


def test_the_config_names_a_layer_or_weighs_them():
    config = FitConfig(layer="weighted")
    assert FitConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="layer: found words, expected a layer's number or weighted"):
        FitConfig(layer="words")
    with pytest.raises(ConfigError, match="layer weighted and clip_vector statistics"):
        FitConfig(layer="weighted", clip_vector="statistics")


def test_on_the_command_line_and_in_the_report(cli, corpus, tmp_path):
    options = ["--layer", "weighted", "--hidden", 4, "--epochs", 2, "--recipe", "paper"]
    code, _, err = cli("fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "run", *options)
    assert code == 0, err
    code, out, err = cli("report", tmp_path / "run")
    assert code == 0, err
    page = next((tmp_path / "run").rglob("*.md"), None)
    text = page.read_text() if page else out
    assert "## Weights\n\nLayer weights, mean over a row's runs:\n\n| of | weight |" in text
    code, _, err = cli(
        "evaluate", tmp_path / "run", corpus.cache, "--labels", corpus.labels / "valid_split.csv"
    )
    assert code == 0, err
