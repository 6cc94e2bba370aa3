"""Streams whose heads are trained apart: a loss each, weights from the clips that are set aside, carried on."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cache.common.progress import Progress
from train import load_run
from train.fitting.fit import SharedFit, fit
from train.fitting.settle import is_apart, why_alike
from train.fitting.task import plan_fit
from train.heads.registry import STREAM_FUSIONS
from train.labels.coverage import opened
from train.runs.forward import apply_each

PLAIN = SharedFit(pictures=False)


class Apart(nn.Module):
    """A linear layer for each stream; weights by how near each came to the truth, to be told from the outside."""

    apart = True

    def __init__(self, streams, targets, _dropout):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(each.vector, targets) for each in streams)
        self.register_buffer("weights", torch.full((len(streams), targets), 1 / len(streams)))

    def outputs(self, states):
        return torch.stack(
            [head(torch.cat(s.vectors, 1)) for head, s in zip(self.heads, states, strict=True)]
        )

    def forward(self, states):
        return (self.weights[:, None] * self.outputs(states)).sum(0)

    def settle(self, outputs, truth):
        near = 1 / np.nanmean((outputs - truth) ** 2, axis=1)
        self.weights.copy_(torch.from_numpy(near / near.sum(0)))


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    monkeypatch.setattr(STREAM_FUSIONS, "_entries", {**STREAM_FUSIONS._entries, "apart": None})
    monkeypatch.setattr(STREAM_FUSIONS, "get", lambda _name: Apart)


@pytest.fixture
def config(small):
    return replace(small, fusion="apart", epochs=2, lstm=False)


def test_weights_are_found_on_the_inner_part_and_kept(pair, splits, config, quiet, tmp_path):
    run = fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    weights = run.metrics["stream_weights"]
    assert list(weights) == ["audio", "text"]
    assert is_apart(run.head)
    for target in splits.train.names:
        assert weights["audio"][target] + weights["text"][target] == pytest.approx(1)
        assert weights["audio"][target] != weights["text"][target]
    again = load_run(run.path)
    assert torch.equal(again.head.fusion_head.weights, run.head.fusion_head.weights)


def test_every_stream_learns_for_itself(pair, corpus, make_text, splits, config, quiet, tmp_path):
    config = replace(config, select="last")
    one = fit(pair, splits, config, tmp_path / "one", progress=quiet, shared=PLAIN)
    other = make_text(tmp_path / "text", {clip: labels[::-1] for clip, labels in corpus.truth.items()})
    two = fit({**pair, "text": other}, splits, config, tmp_path / "two", progress=quiet, shared=PLAIN)
    heads = [run.head.fusion_head.heads for run in (one, two)]
    assert torch.equal(heads[0][0].weight, heads[1][0].weight), "the audio's, whatever the text says"
    assert not torch.equal(heads[0][1].weight, heads[1][1].weight)


def test_where_no_clip_is_set_aside_streams_count_alike_and_that_is_said(pair, splits, config, tmp_path):
    said = io.StringIO()
    fit(pair, splits, replace(config, select="last"), tmp_path / "run", progress=Progress(said), shared=PLAIN)
    assert "fusion apart: its streams count alike, since no training clip is set aside with select last" in (
        " ".join(said.getvalue().split())
    )


def test_a_second_pass_keeps_the_weights_that_the_first_found(pair, splits, config, quiet, tmp_path):
    once = fit(pair, splits, config, tmp_path / "once", progress=quiet, shared=PLAIN)
    refit = fit(pair, splits, replace(config, refit=True), tmp_path / "refit", progress=quiet, shared=PLAIN)
    assert refit.metrics["stream_weights"] == once.metrics["stream_weights"]
    assert not torch.equal(refit.head.fusion_head.heads[0].weight, once.head.fusion_head.heads[0].weight)


def test_what_each_stream_says_sums_up_to_the_prediction(pair, splits, config, quiet, tmp_path):
    from train.fitting.checkpoint import new_training
    from train.fitting.start import read_features, start_pass

    run = fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    with opened(pair) as reader:
        task = plan_fit(reader, splits, config)
        features = read_features(reader, task, None, quiet)
        taken = start_pass(new_training(run.head, config), task, features, quiet)
        outputs = apply_each(run.head, taken, task.parts["valid"], config)
    assert outputs.shape == (2, 30, 3)
    assert why_alike(run.head, task) is None
    whole = (run.head.fusion_head.weights.numpy()[:, None] * outputs).sum(0)
    rows = [line.split(",")[1:] for line in (run.path / "predictions.csv").read_text().splitlines()[1:]]
    assert np.allclose(whole, np.array(rows, dtype=float), atol=1e-5)
