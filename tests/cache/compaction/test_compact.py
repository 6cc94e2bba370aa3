"""The laptop cache: the values that the options promise, the projection that a trainer can apply itself."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, export, verify
from cache.__main__ import app
from cache.common.errors import CacheError, DamagedCacheError, RecipeMismatchError
from cache.common.tables import read_table
from cache.compaction.compact import compact
from cache.compaction.measure import as_text, measure
from cache.compaction.options import CompactOptions, choose_for_size, predicted_bytes
from cache.compaction.projection import Projection, pool_frames
from cache.format.recipe import Recipe
from cache.shards.quantise import dequantise, quantise

WIDTH = 48
FIELDS = (
    FrameField("hidden_states/6", WIDTH, np.dtype(np.float16)),
    FrameField("hidden_states/12", WIDTH, np.dtype(np.float16)),
    FrameField("vad", 3, np.dtype(np.float32), dims=("arousal", "dominance", "valence")),
)
RECIPE = {"model": "test", "revision": "1", "weights_sha256": "a" * 64, "config_sha256": "b" * 64}
OPTIONS = CompactOptions(pool=5, project=20)


def smooth_clip(clip_id: str, frames: int) -> ClipFeatures:
    """Correlated channels that change slowly, as an encoder's do."""
    rng = np.random.default_rng([frames, *clip_id.encode()])
    mixing = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)) * np.geomspace(8, 0.02, WIDTH)[:, None]
    steps = np.cumsum(rng.normal(size=(frames, WIDTH)), axis=0) * 0.2 + rng.normal(size=WIDTH)
    hidden = (steps @ mixing + 3).astype(np.float32)
    vad = 1 / (1 + np.exp(-hidden[:, :3] / 20))
    values = {"hidden_states/6": 2 * hidden, "hidden_states/12": hidden, "vad": vad.astype(np.float32)}
    means = {name: array.mean(axis=0) for name, array in values.items()}
    return ClipFeatures(clip_id, values, means, frames * 320, -20.0, "0" * 64, {"vad": means["vad"]})


def write(path: Path, ids: list[str], recipe: dict[str, str] | None = None) -> Path:
    writer = CacheWriter.open(path, recipe or RECIPE, FIELDS)
    for start in range(0, len(ids), 6):
        writer.commit([smooth_clip(clip_id, 11 + 3 * int(clip_id)) for clip_id in ids[start : start + 6]])
    return path


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("full") / "c", [f"{n:02}" for n in range(20)])


@pytest.fixture(scope="module")
def small(full, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("small") / "c"
    compact(full, path, OPTIONS, fit_on=[f"{n:02}" for n in range(10)])
    return path


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_int8_is_exact_to_half_a_step_and_never_clipped(frames, seed, size) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(frames, 7)) * size + rng.normal(size=7) * size).astype(np.float32)
    stored, scale, offset = quantise(values)
    assert (stored.dtype, scale.dtype, offset.dtype) == (np.int8, np.float16, np.float16)
    step = scale.astype(np.float32)
    assert (np.abs(dequantise(stored, scale, offset) - values) <= 0.51 * step + 1e-6 * np.abs(values)).all()
    assert stored.min() >= -127


def test_a_constant_channel_and_a_single_frame_survive_int8() -> None:
    values = np.array([[3.0, 0.0, -1000.25]], np.float32)
    np.testing.assert_allclose(dequantise(*quantise(values)), values, rtol=1e-3)
    same = np.full((9, 2), 0.1, np.float32)
    np.testing.assert_allclose(dequantise(*quantise(same)), same, rtol=1e-3)


def test_the_last_window_is_over_what_is_left() -> None:
    values = np.arange(14, dtype=np.float16).reshape(7, 2)
    np.testing.assert_array_equal(pool_frames(values, 3), [[2, 3], [8, 9], [12, 13]])
    np.testing.assert_array_equal(pool_frames(values, 1), values)
    np.testing.assert_array_equal(pool_frames(values, 99), [[6, 7]])


def test_frames_are_those_of_the_projection_to_within_rounding(full, small) -> None:
    reader, source, projection = CacheReader(small), CacheReader(full), Projection.load(small)
    assert set(reader.clip_ids) == set(source.clip_ids)
    assert set(reader.frame_fields) == {"hidden_states/12", "vad"}
    field = reader.frame_fields["hidden_states/12"]
    assert (field.width, field.dtype, field.frame_shift) == (20, np.int8, pytest.approx(0.1))
    assert reader.frame_fields["vad"].dims == ("arousal", "dominance", "valence")
    for clip_id in reader.clip_ids:
        expected = projection.frames("hidden_states/12", source.read_frames(clip_id, "hidden_states/12"))
        assert reader.num_frames(clip_id) == len(expected) == -(-source.num_frames(clip_id) // 5)
        scale, offset = reader.scale_offset(clip_id, "hidden_states/12")
        stored = reader.read_frames(clip_id, "hidden_states/12")
        assert stored.dtype == np.int8
        values = reader.read_values(clip_id, "hidden_states/12")
        np.testing.assert_array_equal(values, stored * scale.astype("f4") + offset.astype("f4"))
        np.testing.assert_array_equal(values, reader[clip_id].frames["hidden_states/12"])
        assert (np.abs(values - expected) <= 0.51 * scale.astype("f4") + 1e-5).all()
        assert reader.scale_offset(clip_id, "vad") is None
        pooled = pool_frames(source.read_frames(clip_id, "vad"), 5)
        np.testing.assert_allclose(reader.read_values(clip_id, "vad"), pooled, atol=1e-3)
        mean = projection.global_mean("hidden_states/12", source[clip_id].global_mean["hidden_states/12"])
        np.testing.assert_allclose(
            reader[clip_id].global_mean["hidden_states/12"], mean, rtol=1e-4, atol=1e-5
        )
        assert reader[clip_id].clip["duration"] == source[clip_id].clip["duration"]
        np.testing.assert_array_equal(reader[clip_id].clip["vad"], source[clip_id].clip["vad"])
    assert verify(small).findings == ()


def test_the_projection_is_pca_of_the_pooled_frames_of_the_clips_named(full, small) -> None:
    source, projection = CacheReader(full), Projection.load(small)
    assert sorted(projection.fitted_on) == [f"{n:02}" for n in range(10)]
    rows = np.concatenate(
        [pool_frames(source.read_frames(i, "hidden_states/12"), 5) for i in projection.fitted_on]
    ).astype(np.float64)
    axes = projection.axes["hidden_states/12"]
    np.testing.assert_allclose(axes.mean, rows.mean(axis=0), rtol=1e-4, atol=1e-4)
    variance = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    np.testing.assert_allclose(axes.explained_variance, variance[:20], rtol=1e-3)
    assert axes.explained == pytest.approx(variance[:20].sum() / variance.sum(), rel=1e-4)
    np.testing.assert_allclose(axes.basis.T @ axes.basis, np.eye(20), atol=1e-5)


def test_its_recipe_names_the_source_and_the_same_work_gives_the_same_recipe(full, small, tmp_path) -> None:
    recipe, source = CacheReader(small).recipe, CacheReader(full)
    assert recipe["source_recipe_id"] == source.recipe_id
    assert Recipe(recipe).is_made_from(source.recipe)
    assert Recipe(recipe).is_made_from(source.recipe | {"model": "a copy", "revision": "local"})
    assert not Recipe(recipe).is_made_from(source.recipe | {"max_seconds": 3.0})
    assert not Recipe(source.recipe).is_made_from(source.recipe)
    copied = recipe | {"source_recipe": source.recipe | {"model": "copy"}, "source_recipe_id": "another"}
    assert Recipe(recipe).same_values(copied)
    compact(full, tmp_path / "again", OPTIONS, fit_on=[f"{n:02}" for n in range(10)])
    assert CacheReader(tmp_path / "again").recipe == recipe
    compact(full, tmp_path / "other", OPTIONS, fit_on=[f"{n:02}" for n in range(11)])
    assert not CacheReader(tmp_path / "other").recipe.same_values(recipe)


def assert_equal_clips(one: CacheReader, other: CacheReader, ids: list[str]) -> None:
    for clip_id in ids:
        for name in one.frame_fields:
            np.testing.assert_array_equal(one.read_frames(clip_id, name), other.read_frames(clip_id, name))
            np.testing.assert_array_equal(one[clip_id].global_mean[name], other[clip_id].global_mean[name])


def test_like_gives_later_clips_the_values_they_would_have_had_from_the_start(small, full, tmp_path) -> None:
    later = [f"{n:02}" for n in range(20, 26)]
    write(tmp_path / "test", later)
    compact(tmp_path / "test", tmp_path / "like", like=small)
    write(tmp_path / "all", [f"{n:02}" for n in range(26)])
    compact(tmp_path / "all", tmp_path / "start", OPTIONS, fit_on=[f"{n:02}" for n in range(10)])
    like, start = CacheReader(tmp_path / "like"), CacheReader(tmp_path / "start")
    assert like.recipe_id == start.recipe_id == CacheReader(small).recipe_id
    assert_equal_clips(like, start, later)
    shutil.copytree(small, tmp_path / "grown")
    compact(tmp_path / "test", tmp_path / "grown", like=small)
    grown = CacheReader(tmp_path / "grown")
    assert len(grown) == 26
    assert_equal_clips(grown, start, list(grown.clip_ids))


def test_like_refuses_a_cache_of_another_recipe(small, tmp_path) -> None:
    other = write(tmp_path / "other", ["01"], RECIPE | {"weights_sha256": "c" * 64})
    with pytest.raises(RecipeMismatchError, match="weights_sha256"):
        compact(other, tmp_path / "like", like=small)


def test_running_again_adds_what_is_new_and_nothing_else(full, tmp_path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    shutil.copytree(full, source)
    compact(source, target, OPTIONS)
    before = {path.name: path.stat().st_mtime_ns for path in (target / "shards").iterdir()}
    writer = CacheWriter.open(source, RECIPE, FIELDS)
    writer.commit([smooth_clip("30", 40)])
    [plan] = writer.plan({"07": 32}, replace={"07"})
    writer.commit([replace(smooth_clip("07", 99), rms_db=-1.0)], plan)
    assert compact(source, target, OPTIONS).clips == 21
    after = {path.name: path.stat().st_mtime_ns for path in (target / "shards").iterdir()}
    assert before.items() < after.items()
    reader = CacheReader(target)
    assert reader.num_frames("07") == 20
    with pytest.raises(RecipeMismatchError, match="pool 5, not 3, project 20, not 256"):
        compact(source, target, CompactOptions(pool=3))


@pytest.mark.parametrize(
    ("options", "widths", "dtype"),
    [
        (CompactOptions(1, 0, "float16"), {"hidden_states/12": WIDTH}, np.float16),
        (CompactOptions(2, 0, "int8", "all"), {"hidden_states/6": WIDTH, "hidden_states/12": WIDTH}, np.int8),
        (CompactOptions(3, 8, "float16", "6"), {"hidden_states/6": 8}, np.float16),
        (CompactOptions(1, 500, "int8"), {"hidden_states/12": WIDTH}, np.int8),
    ],
)
def test_every_choice_of_options(full, tmp_path, options, widths, dtype) -> None:
    compact(full, tmp_path / "c", options)
    fields = CacheReader(tmp_path / "c").frame_fields
    assert {name: field.width for name, field in fields.items() if name != "vad"} == widths
    assert {field.dtype for name, field in fields.items() if name != "vad"} == {np.dtype(dtype)}
    assert verify(tmp_path / "c").findings == ()
    fidelity = measure(full, tmp_path / "c")
    assert max(fidelity.quantisation_l2.values()) < 0.01


def test_options_that_cannot_be_are_refused(full, small, tmp_path) -> None:
    with pytest.raises(CacheError, match="pool 0"):
        CompactOptions(pool=0)
    with pytest.raises(CacheError, match="float8"):
        CompactOptions(dtype="float8")
    with pytest.raises(CacheError, match="holds layers 6, 12"):
        compact(full, tmp_path / "c", CompactOptions(layers="3"))
    with pytest.raises(CacheError, match="holds none of the 1 clip to"):
        compact(full, tmp_path / "c", fit_on=["nobody"], options=OPTIONS)
    with pytest.raises(CacheError, match="compact cache already"):
        compact(small, tmp_path / "c")
    with pytest.raises(CacheError, match="no compact cache"):
        Projection.load(full)
    assert not (tmp_path / "c" / "cache.json").exists()


def test_the_size_is_foreseen_and_max_gb_chooses(full, tmp_path) -> None:
    reader = CacheReader(full)
    wanted = predicted_bytes(reader, CompactOptions(3, 0)) / 1e9
    chosen = choose_for_size(reader, wanted, CompactOptions())
    assert predicted_bytes(reader, chosen) <= wanted * 1e9
    assert chosen.pool <= 3
    with pytest.raises(CacheError, match="even pool"):
        choose_for_size(reader, 1e-9, CompactOptions())


def test_what_it_costs_is_measured(full, small, tmp_path) -> None:
    fidelity = measure(full, small)
    assert 0 < fidelity.relative_l2["hidden_states/12"] < 0.2
    assert 0.9 < fidelity.explained["hidden_states/12"] < 1
    assert {probe.features for probe in fidelity.probes} == {"global means", "pooled frames"}
    labels = tmp_path / "labels.csv"
    labels.write_text("clip_id,Joy,speaker\n" + "".join(f"{n:02},{n / 20},s{n}\n" for n in range(20)))
    assert measure(full, small, read_table(labels)).targets == ("Joy",)
    assert "ridge probe on pooled frames" in as_text(fidelity)


@pytest.mark.parametrize("kind", ["missing", "text", "pickle", "bomb", "edited", "huge header"])
def test_a_projection_that_is_not_the_caches_own_is_refused(small, tmp_path, monkeypatch, kind) -> None:
    path = tmp_path / "c"
    shutil.copytree(small, path)
    file = path / "projection.npz"
    if kind == "missing":
        file.unlink()
    elif kind == "text":
        file.write_text("no zip")
    elif kind == "pickle":
        np.savez(file, pool=np.array([{}], dtype=object))
    elif kind == "bomb":
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("pool.npy", "w") as member,
        ):
            member.write(bytes(2 << 20))
        monkeypatch.setattr("cache.compaction.projection.MAX_FILE_BYTES", 1 << 20)
    elif kind == "huge header":
        buffer = io.BytesIO()
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
        np.lib.format.write_array_header_1_0(buffer, header)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("pool.npy", buffer.getvalue())
    else:
        projection = Projection.from_file(file)
        file.write_bytes(replace(projection, pool=6).to_bytes())
    with pytest.raises(DamagedCacheError, match=r"projection\.npz"):
        Projection.load(path)


def test_int8_leaves_as_float32_numbers(small, tmp_path) -> None:
    export(small, tmp_path / "out", ["hidden_states/12"], parquet=False)
    values = np.load(tmp_path / "out" / "hidden_states_12" / "03.npy")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, CacheReader(small).read_values("03", "hidden_states/12"))


def test_the_command_reports_and_keeps_its_report(full, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    rows = "".join(f"{n:02},{'train' if n < 14 else 'valid'},{n / 20}\n" for n in range(20))
    labels.write_text("clip_id,split,Joy\n" + rows)
    arguments = ["compact", str(full), str(tmp_path / "c"), "--project", "20", "--fit-on", str(labels)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "pool 5, project 20, int8" in done.stdout
    assert "ridge probe on global means" in done.stdout
    assert len(Projection.load(tmp_path / "c").fitted_on) == 14, "the training split only"
    assert json.loads((tmp_path / "c" / "compact.json").read_text())["clips"] == 20
    refused = CliRunner().invoke(
        app, ["compact", str(full), str(tmp_path / "d"), "--like", "x", "--pool", "3"]
    )
    assert "leave the other options out" in str(refused.exception)
    chosen = CliRunner().invoke(app, ["compact", str(full), str(tmp_path / "e"), "--max-gb", "1", "--json"])
    assert json.loads(chosen.stdout)["pool"] == 1


def test_repair_of_a_compact_cache_names_the_command_that_makes_its_clips_again(
    small, full, tmp_path
) -> None:
    path = tmp_path / "c"
    shutil.copytree(small, path)
    before = CacheReader(path)
    shard = sorted((path / "shards").glob("*.h5"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    said = CliRunner().invoke(app, ["verify", str(path), "--repair"]).stdout
    assert f"emi-cache compact SRC {path}" in said
    assert "emi-extract" not in said
    assert compact(full, path, OPTIONS).clips == len(before)
    assert verify(path).findings == ()


def test_a_shard_without_a_record_names_the_command_that_settles_it(small, full, tmp_path) -> None:
    path = tmp_path / "c"
    shutil.copytree(small, path)
    record = sorted((path / "shards").glob("*.json"))[0]
    record.unlink()
    os.utime(record.with_suffix(".h5"))
    (finding,) = verify(path).findings
    assert "emi-cache compact settles or replaces it" in finding.problem
    assert "emi-extract" not in finding.problem
    compact(full, path, OPTIONS)
    assert verify(path).findings == ()


TEN = [f"{n:02}" for n in range(10)]


@pytest.mark.parametrize(
    ("options", "fit_on", "differs"),
    [
        (replace(OPTIONS, layers="all"), None, "layers 12, not all"),
        (replace(OPTIONS, layers="6"), None, "layers 12, not 6"),
        (replace(OPTIONS, dtype="float16"), None, "dtype int8, not float16"),
        (OPTIONS, TEN[:9], "fitted on 10 clips, not those 9"),
        (OPTIONS, [*TEN, "10"], "fitted on 10 clips, not those 11"),
        (None, TEN, "project 20, not 256"),
    ],
)
def test_an_existing_target_is_continued_only_with_what_it_was_made_with(
    full, small, tmp_path, options, fit_on, differs
) -> None:
    shutil.copytree(small, tmp_path / "c")
    with pytest.raises(RecipeMismatchError, match=f"{differs}.*another folder"):
        compact(full, tmp_path / "c", options, fit_on=fit_on)


def test_an_interrupted_compact_goes_on_with_the_same_options_even_when_the_source_grew(tmp_path) -> None:
    source = write(tmp_path / "s", TEN)
    named = [*TEN[:5], "12"]
    compact(source, tmp_path / "c", OPTIONS, fit_on=named)
    for file in sorted((tmp_path / "c" / "shards").glob("*"))[:2]:
        file.unlink()
    write(source, ["12", "13"])
    for _ in range(2):
        done = compact(source, tmp_path / "c", replace(OPTIONS, layers="12"), fit_on=named[::-1])
        assert (done.clips, len(done.projection.fitted_on)) == (12, 5)
    assert compact(source, tmp_path / "c", OPTIONS).clips == 12
    assert verify(tmp_path / "c").findings == ()


@pytest.mark.parametrize(
    ("option", "value"), [("--dtype", "float16"), ("--layers", "all"), ("--layers", "6")]
)
def test_options_beside_like_that_contradict_it_are_refused(full, small, tmp_path, option, value) -> None:
    arguments = ["compact", str(full), str(tmp_path / "c"), "--like", str(small), "--no-measure"]
    refused = CliRunner().invoke(app, [*arguments, option, value])
    assert f"not {value}" in str(refused.exception)
    assert not (tmp_path / "c").exists()
    done = CliRunner().invoke(app, [*arguments, "--dtype", "int8", "--layers", "12"])
    assert done.exit_code == 0, done.output
    with pytest.raises(CacheError, match="nothing to fit"):
        compact(full, tmp_path / "c", like=small, fit_on=TEN)
    compact(full, tmp_path / "other", CompactOptions(3, 8))
    with pytest.raises(RecipeMismatchError, match="another recipe"):
        compact(full, tmp_path / "other", like=small)
