"""A temporal model and a fusion are added by one module and one registration each; nothing else is touched."""

from __future__ import annotations

import json

import pytest

from train import load_run
from train.heads.registry import FUSIONS, TEMPORAL_MODELS

MEAN_POOLING = """
import torch
from torch import nn


class MeanPooling(nn.Module):
    def __init__(self, width, hidden, layers):
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.output_width = hidden

    def summarise(self, frames, lengths):
        valid = (torch.arange(frames.shape[1]) < lengths[:, None])[:, :, None]
        return self.project((frames * valid).sum(1) / lengths[:, None])
"""
GATED = """
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self, widths, targets, dropout):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(width, targets) for width in widths)
        self.gate = nn.Parameter(torch.zeros(len(widths)))

    def forward(self, *vectors):
        weights = self.gate.softmax(0)
        return sum(w * part(vector) for w, part, vector in zip(weights, self.parts, vectors, strict=True))
"""


@pytest.fixture
def added(tmp_path, monkeypatch):
    (tmp_path / "mean_pooling.py").write_text(MEAN_POOLING)
    (tmp_path / "gated_fusion.py").write_text(GATED)
    monkeypatch.syspath_prepend(tmp_path)
    TEMPORAL_MODELS.add("projected", "mean_pooling:MeanPooling", "the mean, projected")
    FUSIONS.add("shared", "gated_fusion:Gated", "a learned mean of one linear layer each")
    yield
    TEMPORAL_MODELS.remove("projected")
    FUSIONS.remove("shared")


def test_an_added_temporal_model_and_fusion_are_fitted_and_used(added, cli, corpus, tmp_path):
    options = ["--temporal", "projected", "--fusion", "shared", "--hidden", 4, "--epochs", 2]
    code, _, err = cli("fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "run", *options)
    assert code == 0, err
    names = load_run(tmp_path / "run").head.state_dict()
    assert {"projected.project.weight", "fusion_head.gate"} <= set(names)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["fusion"] == "shared"
    assert cli("evaluate", tmp_path / "run", corpus.cache, "--labels", corpus.labels)[0] == 0


def test_an_unknown_name_lists_those_there_are(cli, corpus, tmp_path):
    code, _, err = cli(
        "fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path, "--temporal", "middle"
    )
    assert code == 1
    assert f"temporal: found 'middle', expected {' or '.join(TEMPORAL_MODELS)}" in err
