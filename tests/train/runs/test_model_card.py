"""The head of a card is YAML that the hub's own reader takes: licence, base model, scores with intervals."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from cache.format.recipe import Recipe
from train.runs.bundle import bundle, card
from train.runs.model_card import header


def read(text: str) -> tuple[dict, str]:
    _, fields, rest = text.split("---\n", 2)
    return yaml.safe_load(fields), rest


def of_model(run, model, **more):
    return replace(run, recipe=Recipe(model=model, **more))


def test_the_licence_is_that_of_the_encoder(run) -> None:
    for model, more, expected in (
        ("audeering/wav2vec2-large", {"revision": "1"}, ("cc-by-nc-sa-4.0", "audeering/wav2vec2-large")),
        ("local", {"revision": "local"}, ("other", None)),
        ("someone/model", {"revision": "2"}, ("other", "someone/model")),
        ("logmel", {"revision": "built in"}, (None, None)),
    ):
        fields, _ = read(card(of_model(run, model, **more)))
        assert (fields.get("license"), fields.get("base_model")) == expected
    compact = of_model(run, "x", source_recipe={"model": "audeering/y"})
    assert read(card(compact))[0]["license"] == "cc-by-nc-sa-4.0"


def test_the_hub_reads_the_scores(run) -> None:
    fields, text = read(card(run))
    assert text.lstrip().startswith("# Emotional mimicry intensity")
    name, found = model_index_to_eval_results(fields["model-index"])
    assert name == "Intensity of Admiration, Amusement, Empathic Pain"
    interval, first = run.metrics["interval"], found[0]
    assert (first.metric_type, first.metric_value) == ("pearson", run.metrics["valid"]["pearson"]["mean"])
    assert f"95 % [{interval['low']:.3f}, {interval['high']:.3f}] by speaker" in first.metric_name
    assert (first.metric_args["low"], first.metric_args["by"]) == (interval["low"], "speaker")
    assert [each.metric_name for each in found[1:4]] == [f"pearson, {each}" for each in run.targets.names]
    assert {each.metric_type for each in found} >= {"ccc", "pearson", "mae"}
    assert (
        ModelCardData(**{name: each for name, each in fields.items() if name != "model-index"}).tags[0]
        == "emi-fusion"
    )
    assert "onnx" not in fields["tags"]
    assert "onnx" in read(card(run, onnx=True))[0]["tags"]


def test_what_no_score_is_known_of_has_none(run) -> None:
    assert "model-index" not in read(header(run, None, None, onnx=False))[0]
    scores = {"pearson": {"mean": None, "per_target": {"Joy": 0.5, "Fear": None}}}
    fields, _ = read(header(run, scores, {"low": None, "high": None}, onnx=False))
    [result] = fields["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "pearson", "name": "pearson, Joy", "value": 0.5}]


def test_names_of_targets_stay_text(run) -> None:
    names = ('a: "b"', "- c", "---\nlicense: mit")
    scores = {"pearson": {"mean": 0.1, "per_target": dict.fromkeys(names, 0.2)}}
    named = replace(run, targets=replace(run.targets, names=names))
    fields, _ = read(header(named, scores, None, onnx=False))
    assert fields["model-index"][0]["name"] == f"Intensity of {', '.join(names)}"
    assert fields["license"] == "other"


@pytest.mark.parametrize("kind", ["kept", "ensembled", "folded"])
def test_every_bundle_has_it_and_names_no_data(kind, request, tmp_path) -> None:
    bundle(request.getfixturevalue(kind), tmp_path / "head.zip")
    with zipfile.ZipFile(tmp_path / "head.zip") as archive:
        fields, _ = read(archive.read("README.md").decode())
        listed = {name: archive.read(name) for name in archive.namelist() if name.count("/") == 0}
    _, found = model_index_to_eval_results(fields["model-index"])
    assert {each.dataset_name for each in found} == {"not included; see the text"}
    if kind == "folded":
        mean = json.loads(listed["folds.json"])["mean"]
        assert found[0].metric_value == mean["estimate"]
        assert found[0].metric_args["high"] == mean["high"]
