"""The laptop cache: the values that the options promise, the projection that a trainer can apply itself."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, export, verify
from cache.__main__ import app
from cache.common.errors import RecipeMismatchError
from cache.compaction.compact import compact
from cache.compaction.options import CompactOptions
from cache.compaction.projection import Projection, pool_frames
from cache.format.recipe import Recipe

RECIPE = {"model": "test", "revision": "1", "weights_sha256": "a" * 64, "config_sha256": "b" * 64}
OPTIONS = CompactOptions(pool=5, project=20)


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


def test_like_gives_later_clips_the_values_they_would_have_had_from_the_start(
    write_source, small, full, tmp_path
) -> None:
    later = [f"{n:02}" for n in range(20, 26)]
    write_source(tmp_path / "test", later)
    compact(tmp_path / "test", tmp_path / "like", like=small)
    write_source(tmp_path / "all", [f"{n:02}" for n in range(26)])
    compact(tmp_path / "all", tmp_path / "start", OPTIONS, fit_on=[f"{n:02}" for n in range(10)])
    like, start = CacheReader(tmp_path / "like"), CacheReader(tmp_path / "start")
    assert like.recipe_id == start.recipe_id == CacheReader(small).recipe_id
    assert_equal_clips(like, start, later)
    shutil.copytree(small, tmp_path / "grown")
    compact(tmp_path / "test", tmp_path / "grown", like=small)
    grown = CacheReader(tmp_path / "grown")
    assert len(grown) == 26
    assert_equal_clips(grown, start, list(grown.clip_ids))


def test_like_refuses_a_cache_of_another_recipe(write_source, small, tmp_path) -> None:
    other = write_source(tmp_path / "other", ["01"], RECIPE | {"weights_sha256": "c" * 64})
    with pytest.raises(RecipeMismatchError, match="weights_sha256"):
        compact(other, tmp_path / "like", like=small)


def test_running_again_adds_what_is_new_and_nothing_else(smooth_clip, full, tmp_path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    shutil.copytree(full, source)
    compact(source, target, OPTIONS)
    before = {path.name: path.stat().st_mtime_ns for path in (target / "shards").iterdir()}
    writer = CacheWriter.open(source, RECIPE, list(CacheReader(source).frame_fields.values()))
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


def test_int8_leaves_as_float32_numbers(small, tmp_path) -> None:
    export(small, tmp_path / "out", ["hidden_states/12"], parquet=False)
    values = np.load(tmp_path / "out" / "hidden_states_12" / "03.npy")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, CacheReader(small).read_values("03", "hidden_states/12"))


def test_repair_of_a_compact_cache_names_the_command_that_makes_its_clips_again(
    small, full, tmp_path
) -> None:
    path = tmp_path / "c"
    shutil.copytree(small, path)
    before = CacheReader(path)
    shard = sorted((path / "shards").glob("*.h5"))[0]
    shard.write_bytes(shard.read_bytes()[:100])
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


def test_an_interrupted_compact_goes_on_with_the_same_options_even_when_the_source_grew(
    write_source, tmp_path
) -> None:
    source = write_source(tmp_path / "s", TEN)
    named = [*TEN[:5], "12"]
    compact(source, tmp_path / "c", OPTIONS, fit_on=named)
    for file in sorted((tmp_path / "c" / "shards").glob("*"))[:2]:
        file.unlink()
    write_source(source, ["12", "13"])
    for _ in range(2):
        done = compact(source, tmp_path / "c", replace(OPTIONS, layers="12"), fit_on=named[::-1])
        assert (done.clips, len(done.projection.fitted_on)) == (12, 5)
    assert compact(source, tmp_path / "c", OPTIONS).clips == 12
    assert verify(tmp_path / "c").findings == ()
