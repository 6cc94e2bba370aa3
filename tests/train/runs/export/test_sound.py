"""A waveform goes in: the graph hears, and says, what student and head say one after the other."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache.common.student.arrays import ArrayOps
from cache.common.student.layout import SIZES, layout_of
from cache.format.schema import VAD_DIMS
from train.errors import RunError
from train.files import sha256
from train.runs.export.check import OF_SOUND, compare, session_of
from train.runs.export.emi_head import BundleError, load_bundle
from train.runs.export.graph import Graph
from train.runs.export.heads import Plan, onnx_file
from train.runs.export.options import ExportOptions
from train.runs.export.sound import GraphOps, LoadedStudent
from train.runs.tensors import write_tensors


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """The folder of a student with random weights, whose frames are as wide as those of ``make_run``."""

    def make(size: str = "10k"):
        folder, chance = tmp_path_factory.mktemp("student"), torch.Generator().manual_seed(0)
        layout = layout_of(size, VAD_DIMS, 9)
        tensors = {
            name: torch.randn(shape, generator=chance) / max(1, np.prod(shape[1:])) ** 0.5
            for name, shape in layout.shapes().items()
        }
        write_tensors(folder / "model.safetensors", tensors, {})
        (folder / "config.json").write_text(json.dumps({"model_type": "emi-student", **layout.to_json()}))
        return folder

    return make


@pytest.fixture(scope="module")
def trained(make_run):
    """A run on a student's features."""

    def make(folder, **fields):
        recipe = {"model": "local", "stored_dtype": {"features": "float16", "vad": "float32"}}
        run = make_run(0, recipe | {"weights_sha256": sha256(folder / "model.safetensors")}, **fields)
        return replace(run, layer=None)

    return make


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "fields",
    [{}, {"vad": False, "clip_vector": "components", "lstm": False, "standardise": "train", "fusion": "mlp"}],
    ids=["lstm", "components"],
)
def test_sound_becomes_what_the_cache_would_have_given(student, trained, size, fields) -> None:
    folder = student(size)
    plan = Plan.of(trained(folder, **fields), ExportOptions(), LoadedStudent.read(folder))
    data = onnx_file(plan)
    assert 0 < compare(data, plan) <= OF_SOUND
    session = session_of(data)
    assert [each.name for each in session.get_inputs()] == ["waveform"]
    both = np.random.default_rng(0).standard_normal((2, 3000)).astype(np.float32)
    together = session.run(None, {"waveform": both})[0]
    alone = [session.run(None, {"waveform": each[None]})[0][0] for each in both]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_head_of_other_features_is_refused(student, trained, make_run) -> None:
    folder = student()
    loaded = LoadedStudent.read(folder)
    with pytest.raises(RunError, match="trained on features of toy, not on those of the student"):
        Plan.of(make_run(), ExportOptions(), loaded)
    with pytest.raises(RunError, match="leave --frames and --global-mean out"):
        Plan.of(trained(folder), ExportOptions(frames="stored"), loaded)


def test_a_folder_that_is_none_is_refused(student, tmp_path) -> None:
    with pytest.raises(RunError):
        LoadedStudent.read(tmp_path)
    folder = student()
    config = json.loads((folder / "config.json").read_text())
    for change in ({"model_type": "wav2vec2"}, {"channels": 14}):
        (folder / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(RunError, match=r"not a student|not those of its config\.json"):
            LoadedStudent.read(folder)


def test_the_module_of_a_bundle_says_that_it_takes_sound(student, trained, tmp_path) -> None:
    folder = student()
    plan = Plan.of(trained(folder), ExportOptions(), LoadedStudent.read(folder))
    (tmp_path / "head.onnx").write_bytes(onnx_file(plan))
    with pytest.raises(BundleError, match="takes sound, no frames"):
        load_bundle(tmp_path / "head.onnx")


def test_operators_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    image, weight, bias = (
        rng.standard_normal(n).astype(np.float32) for n in ((1, 13, 13, 4), (5, 13, 3, 3), (5,))
    )
    arrays = ArrayOps()
    for name, more in (("conv", (weight, bias)), ("pool", ()), ("softmax", ()), ("total", ()), ("flat", ())):
        graph = Graph()
        given = graph.input("image", np.float32, list(image.shape))
        ops = GraphOps(graph, layout_of("10k", VAD_DIMS, 0))
        value = getattr(ops, name)(given, *(graph.constant(each) for each in more))
        expected = getattr(arrays, name)(image, *more)
        session = session_of(graph.model(value, "out", list(expected.shape), {}))
        np.testing.assert_allclose(session.run(None, {"image": image})[0], expected, rtol=1e-4, atol=1e-5)
