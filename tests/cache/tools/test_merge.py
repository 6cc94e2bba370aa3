"""Caches are joined, converted and compared without a value changing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, convert, diff, merge, verify
from cache.__main__ import app
from cache.commit.failures import Failure, read_failures
from cache.common.errors import CacheError, DuplicateClipError, RecipeMismatchError


def commit(path, recipe, fields, clips, **options):
    writer = CacheWriter.open(path, recipe, fields, **options)
    writer.commit(clips)
    return writer


def test_convert_keeps_every_bit_there_and_back(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "a")
    assert convert(tmp_path / "a", tmp_path / "b", "zarr") == 6
    assert convert(tmp_path / "b", tmp_path / "c", "hdf5") == 6
    assert convert(tmp_path / "b", tmp_path / "c", "hdf5") == 6, "running again is safe"
    readers = [CacheReader(tmp_path / name) for name in "abc"]
    assert [reader.description.store for reader in readers] == ["hdf5", "zarr", "hdf5"]
    for name in readers[0].records[0].datasets:
        if name != "content":
            for shard in range(2):
                arrays = [reader.shard_array(shard, name) for reader in readers]
                assert len({(array.dtype.str, array.shape, array.tobytes()) for array in arrays}) == 1
    assert diff(tmp_path / "a", tmp_path / "b", exact=True) == []
    assert [r.name for r in readers[0].records] == [r.name for r in readers[1].records]
    for name in "abc":
        assert verify(tmp_path / name).findings == ()
    with pytest.raises(CacheError, match="a cache in hdf5"):
        convert(tmp_path / "b", tmp_path / "a", "zarr")


def test_merge_joins_caches_from_separate_disks(tmp_path, recipe, fields, make_clip) -> None:
    one = commit(tmp_path / "a", recipe, fields, [make_clip("a"), make_clip("b")])
    one.fail(Failure("zz", "zz.wav", "decode", "unreadable", "x"))
    commit(
        tmp_path / "b", recipe | {"model": "a copy"}, fields, [make_clip("c"), make_clip("b")], store="zarr"
    )
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert (merged.clips, merged.added, merged.settled) == (3, 3, ())
    reader = CacheReader(tmp_path / "c")
    for clip_id in "abc":
        expected = make_clip(clip_id).frames["vad"]
        np.testing.assert_array_equal(reader.read_frames(clip_id, "vad"), expected)
    assert verify(tmp_path / "c").findings == ()
    assert [failure.clip_id for failure in read_failures(tmp_path / "c", set(reader))] == ["zz"]
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c").added == 0


def test_merge_refuses_another_recipe_and_says_how_they_differ(tmp_path, recipe, fields, make_clip) -> None:
    commit(tmp_path / "a", recipe | {"max_seconds": 12.0}, fields, [make_clip("a")])
    commit(tmp_path / "b", recipe | {"max_seconds": 3.0}, fields, [make_clip("b")])
    with pytest.raises(RecipeMismatchError, match=r"max_seconds: 12\.0 -> 3\.0"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    with pytest.raises(CacheError, match="choose a new folder"):
        merge([tmp_path / "a"], tmp_path / "a")
    assert not (tmp_path / "c").exists()


def test_merge_settles_a_clip_that_stands_in_two_shards(tmp_path, make_cache, make_clip, smuggle) -> None:
    written = make_cache(tmp_path / "a")
    clip_id = next(iter(written))
    smuggle(tmp_path / "a", replace(make_clip(clip_id, 30), source_mtime_ns=99))
    with pytest.raises(DuplicateClipError, match="emi-cache merge"):
        CacheReader(tmp_path / "a")
    merged = merge([tmp_path / "a"], tmp_path / "b")
    assert merged.settled == (clip_id,)
    reader = CacheReader(tmp_path / "b")
    assert set(reader.clip_ids) == set(written)
    assert reader.num_frames(clip_id) == 30, "the later source file counts"
    assert verify(tmp_path / "b").findings == ()


def test_merge_takes_the_latest_generation_from_wherever_it_is(tmp_path, recipe, fields, make_clip) -> None:
    old = commit(tmp_path / "a", recipe, fields, [make_clip("a"), make_clip("b")])
    new = commit(tmp_path / "b", recipe, fields, [make_clip("a"), make_clip("b")])
    [plan] = new.plan({"a": 7, "b": 7}, replace={"b"})
    new.commit([replace(make_clip("b"), rms_db=-1.0)], plan)
    merge([tmp_path / "a"], tmp_path / "c")
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c").added == 0
    reader = CacheReader(tmp_path / "c")
    assert reader.clip_table("clips/rms_db", ["a", "b"]).tolist() == [-20.0, -1.0]
    assert verify(tmp_path / "c").findings == ()
    assert old.plan({"a": 7, "b": 7}) == []


def test_the_commands(tmp_path, make_cache, recipe, fields, make_clip) -> None:
    make_cache(tmp_path / "a")
    run = CliRunner().invoke
    a, b, c = (str(tmp_path / name) for name in "abc")
    assert run(app, ["convert", a, b, "--backend", "zarr"]).exit_code == 0
    same = run(app, ["diff", a, b, "--exact"])
    assert (same.exit_code, "no difference" in same.stdout) == (0, True)
    commit(tmp_path / "c", recipe, fields, [make_clip("x")])
    joined = run(app, ["merge", a, c, "--out", str(tmp_path / "d"), "--json"])
    assert json.loads(joined.stdout)["clips"] == 7
    differs = run(app, ["diff", a, c, "--json"])
    assert differs.exit_code == 3
    assert json.loads(differs.stdout)[0]["clip"] == "0/00000"
    text = run(app, ["diff", a, c])
    assert "7 differences" in text.stdout
