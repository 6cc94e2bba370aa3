"""Every head becomes a graph that predicts what torch does, whatever lies behind a clip's frames."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from cache.compaction.projection import Axes, Projection
from train.errors import RunError
from train.heads.registry import FUSIONS, TEMPORAL_MODELS
from train.runs.export.check import TOLERANCE, compare, make_clips, session_of
from train.runs.export.fusion import FUSION
from train.runs.export.graph import OPSET
from train.runs.export.heads import FORMAT, Plan, onnx_file
from train.runs.export.options import ExportOptions
from train.runs.export.temporal import TEMPORAL

EVERY = [
    *({"temporal": name} for name in TEMPORAL_MODELS),
    *(
        {"temporal": name, "lstm_layers": 3, "global_mean": False, "standardise": "train"}
        for name in TEMPORAL_MODELS
    ),
    *({"fusion": name, "dropout": 0.4} for name in FUSIONS),
    {"layer": "weighted", "standardise": "train"},
    {"layer": "weighted", "vad": False, "temporal": "gru"},
    {"lstm": False},
    {"fusion_head": False},
    {"vad": False, "lstm_layers": 1},
    {"loss": "cross-entropy"},
    {"clip_vector": "statistics", "lstm": False, "standardise": "train", "fusion": "mlp"},
    {"clip_vector": "statistics"},
    {"clip_vector": "components", "standardise": "train", "fusion": "mlp"},
    {"clip_vector": "components", "lstm": False, "vad": False},
]


def checked(run, options=None) -> tuple[bytes, float]:
    plan = Plan.of(run, options or ExportOptions())
    data = onnx_file(plan)
    return data, compare(data, plan)


def test_every_temporal_model_and_every_fusion_has_its_form() -> None:
    assert set(TEMPORAL) == set(TEMPORAL_MODELS)
    assert set(FUSION) == set(FUSIONS)


@pytest.mark.parametrize("fields", EVERY, ids=lambda fields: "-".join(map(str, fields.values())))
def test_it_predicts_what_torch_does(make_run, fields) -> None:
    _, difference = checked(make_run(**fields))
    assert 0 < difference <= TOLERANCE


def test_a_weight_that_differs_is_found(make_run) -> None:
    run, other = make_run(), make_run(seed=1)
    plan = Plan.of(run, ExportOptions())
    with pytest.raises(RunError, match="differs from torch by"):
        compare(onnx_file(Plan.of(other, ExportOptions())), plan)


def test_of_several_heads_it_is_the_mean(make_run) -> None:
    kinds = ({}, {"temporal": "gru", "clip_vector": "statistics"}, {"lstm": False, "fusion": "mlp"})
    runs = [make_run(seed, **fields) for seed, fields in enumerate(kinds)]
    plan = Plan.of(replace(runs[0], others=tuple(runs[1:])), ExportOptions())
    clips = make_clips(plan, [5, 90], np.random.default_rng(0))
    together = session_of(onnx_file(plan)).run(None, clips.inputs)[0]
    alone = [session_of(onnx_file(Plan.of(run, ExportOptions()))).run(None, clips.inputs)[0] for run in runs]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)
    assert compare(onnx_file(plan), plan) <= TOLERANCE


def test_a_clip_does_not_depend_on_its_batch(make_run) -> None:
    plan = Plan.of(make_run(temporal="bilstm", clip_vector="components"), ExportOptions())
    session = session_of(onnx_file(plan))
    clips = make_clips(plan, [1, 7, 400], np.random.default_rng(0))
    together = session.run(None, clips.inputs)[0]
    for row, frames in enumerate(clips.frames):
        alone = {"frames": frames[None], "lengths": np.array([len(frames)])}
        np.testing.assert_allclose(session.run(None, alone)[0][0], together[row], atol=2e-6)


def test_predictions_are_clipped_where_asked_for(make_run) -> None:
    run = make_run()
    plain, clipped = (Plan.of(run, ExportOptions(clip=each)) for each in (False, True))
    clips = make_clips(plain, [3, 50], np.random.default_rng(0))
    before, after = (session_of(onnx_file(plan)).run(None, clips.inputs)[0] for plan in (plain, clipped))
    assert before.min() < 0
    np.testing.assert_array_equal(after, before.clip(0, np.float32(0.2)))
    assert compare(onnx_file(clipped), clipped) <= TOLERANCE


def test_a_global_mean_may_come_from_outside(make_run) -> None:
    run = make_run()
    _, difference = checked(run, ExportOptions(global_mean="input"))
    assert difference <= TOLERANCE
    with pytest.raises(RunError, match="takes no global mean"):
        Plan.of(make_run(clip_vector="statistics"), ExportOptions(global_mean="input"))


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_fields_may_go_in_as_a_cache_stores_them(make_run, dtype) -> None:
    stored = {"hidden_states/12": dtype, "vad": "float16"}
    data, difference = checked(make_run(recipe={"stored_dtype": stored}), ExportOptions(frames="stored"))
    assert difference <= TOLERANCE
    names = [each.name for each in onnx.load_from_string(data).graph.input]
    scales = ["scale/hidden_states/12", "offset/hidden_states/12"] if dtype == "int8" else []
    assert names == ["hidden_states/12", *scales, "vad", "lengths"]
    with pytest.raises(RunError, match="does not say how"):
        Plan.of(make_run(recipe={"model": "x"}), ExportOptions(frames="stored"))


@pytest.mark.parametrize("pool", [1, 2, 5])
def test_full_frames_are_pooled_and_projected_inside(make_run, tmp_path, pool) -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(20, 9)))[0].astype(np.float32)
    axes = Axes(rng.normal(size=20).astype(np.float32), basis, np.ones(9), 20.0)
    projection = Projection(pool, {"hidden_states/12": axes})
    (tmp_path / "projection.npz").write_bytes(projection.to_bytes())
    recipe = {
        "projection_sha256": projection.sha256,
        "stored_dtype": {"hidden_states/12": "int8", "vad": "float16"},
    }
    run = replace(make_run(recipe=recipe, clip_vector="statistics"), path=tmp_path)
    data, difference = checked(run, ExportOptions(frames="full"))
    assert difference <= TOLERANCE
    assert onnx.load_from_string(data).graph.input[0].type.tensor_type.shape.dim[2].dim_value == 20 + 3
    (tmp_path / "projection.npz").unlink()
    with pytest.raises(RunError, match="is missing"):
        Plan.of(run, ExportOptions(frames="full"))
    with pytest.raises(RunError, match="nothing is to be projected"):
        Plan.of(make_run(), ExportOptions(frames="full"))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (({"standardise": "speaker"},), "standardised by all clips of a speaker"),
        (({}, {"vad": False}), "its heads take different layers or fields"),
    ],
)
def test_what_has_no_form_is_one_line(make_run, runs, said) -> None:
    first, *others = (make_run(**fields) for fields in runs)
    with pytest.raises(RunError, match=said) as caught:
        Plan.of(replace(first, others=tuple(others)), ExportOptions())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "known"), [("temporal model lstm", TEMPORAL), ("fusion concat", FUSION)])
def test_a_model_without_a_form_is_one_line(make_run, monkeypatch, kind, known) -> None:
    monkeypatch.delitem(known, kind.rpartition(" ")[2])
    with pytest.raises(RunError, match=f"{kind} has no ONNX form, only ") as caught:
        Plan.of(make_run(), ExportOptions())
    assert "\n" not in str(caught.value)


def test_more_heads_than_a_file_holds_are_one_line(make_run, monkeypatch) -> None:
    run = make_run()
    size = 4 * sum(each.numel() for each in run.head.state_dict().values())
    monkeypatch.setattr("train.runs.export.heads.MOST_BYTES", 2 * size)
    Plan.of(replace(run, others=(make_run(1),)), ExportOptions())
    with pytest.raises(RunError, match="3 heads of 0 MB, and one ONNX file holds") as caught:
        Plan.of(replace(run, others=(make_run(1), make_run(2))), ExportOptions())
    assert "\n" not in str(caught.value)


def test_the_file_says_what_it_is(make_run) -> None:
    run = make_run()
    data = onnx_file(Plan.of(run, ExportOptions(clip=True)))
    assert data == onnx_file(Plan.of(run, ExportOptions(clip=True)))
    model = onnx.load_from_string(data)
    assert [each.version for each in model.opset_import] == [OPSET]
    said = {each.key: each.value for each in model.metadata_props}
    assert said.pop("format") == FORMAT
    values = {name: json.loads(text) for name, text in said.items()}
    assert values["targets"] == ["Joy", "Fear", "Awe", "Calm"]
    assert (values["high"], values["clipped"], values["heads"]) == ([0.2] * 4, True, 1)
    assert (values["layer"], values["frames"]) == (12, "trained")
    assert values["fields"] == {"hidden_states/12": 9, "vad": 3}
    assert values["configs"] == [run.config.to_dict()]
    assert (values["recipe_id"], values["recipe"]) == (run.recipe.recipe_id, dict(run.recipe))
