"""Shards go from one cache into another: the rows that count, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cache import CacheReader, CacheWriter
from cache.copy_shard import content_of, copy_ledgers, counting_rows, has_shard, open_like, read_shard


def test_rows_that_another_shard_replaced_do_not_count(tmp_path, recipe, fields, make_clip) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    noted = {"a": {"changes": 1}, "b": {"changes": 2}}
    writer.commit([replace(make_clip(name), notes=noted[name]) for name in "ab"])
    [plan] = writer.plan({"a": 7, "b": 7}, replace={"a"})
    writer.commit([make_clip("a", 9)], plan)
    reader = CacheReader(tmp_path)
    first = next(number for number, record in enumerate(reader.records) if len(record.clip_ids) == 2)
    assert (counting_rows(reader, first), counting_rows(reader, 1 - first)) == ([1], [0])
    content = content_of(reader.records[first], [1], recipe_id="other")
    assert (list(content.sources), content.recipe_id) == (["b"], "other")
    assert content.notes == {"b": {"changes": 2}}


def test_some_rows_of_a_shard_are_a_shard_of_their_own(tmp_path, make_cache) -> None:
    written = make_cache(tmp_path / "c", shards=1)
    reader = CacheReader(tmp_path / "c")
    whole, some = read_shard(reader, 0), read_shard(reader, 0, [0, 2])
    ids = list(written)
    expected = [written[ids[row]].frames["vad"] for row in (0, 2)]
    np.testing.assert_array_equal(some.arrays["frames/vad"], np.concatenate(expected))
    assert some.arrays["offsets"].tolist() == [0, 4, 10]
    assert some.arrays["clips/clip_id"].tolist() == whole.arrays["clips/clip_id"][[0, 2]].tolist()
    assert (len(whole.checksums), some.checksums) == (len(whole.arrays), {})


def test_what_a_cache_has_besides_is_there_before_the_cache_is(tmp_path, make_cache, monkeypatch) -> None:
    make_cache(tmp_path / "c")
    description = CacheReader(tmp_path / "c").description
    target = tmp_path / "d"

    def opened(path, *_, **__):
        assert (path / "projection.npz").read_bytes() == b"axes"
        assert not (path / "cache.json").exists()

    with monkeypatch.context() as patched:
        patched.setattr(CacheWriter, "open", opened)
        open_like(target, description, {"projection.npz": b"axes"})
    assert open_like(target, description, {}).description == description
    open_like(target, description, {"projection.npz": b"others"})
    assert (target / "projection.npz").read_bytes() == b"axes"


def test_lists_of_failures_come_along_and_never_replace_one(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c")
    make_cache(tmp_path / "d")
    (tmp_path / "c" / "failures" / "x.jsonl").write_text("new\n")
    (tmp_path / "c" / "failures" / "y.jsonl").write_text("y\n")
    (tmp_path / "d" / "failures" / "x.jsonl").write_text("old\n")
    copy_ledgers(tmp_path / "c", tmp_path / "d")
    assert (tmp_path / "d" / "failures" / "x.jsonl").read_text() == "old\n"
    assert (tmp_path / "d" / "failures" / "y.jsonl").read_text() == "y\n"
    name = CacheReader(tmp_path / "c").records[0].name
    assert has_shard(tmp_path / "c", name)
    assert not has_shard(tmp_path / "c", "0123456789abcdef-0")
