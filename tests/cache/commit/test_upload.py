"""A shard gets to its place behind a URL whole, and what is there already stays if it is sound."""

from __future__ import annotations

import pytest

from cache import CacheWriter
from cache.commit.orphan import identity
from cache.commit.upload import publish_by_url
from cache.format.record import ShardContent
from cache.shards.arrays import shard_arrays
from cache.shards.registry import STORES, get_store


@pytest.fixture(params=STORES)
def sent(request, bucket, recipe, fields, make_clip):
    store = get_store(request.param)
    writer = CacheWriter.open(bucket / "c", recipe, fields, store=request.param)
    planned = {"a": 7, "b": 7}
    content = ShardContent(writer.description.recipe.recipe_id, "plan", planned, {}, {})
    final = bucket / "c" / "shards" / f"0123456789abcdef-0{store.suffix}"

    def send(*ids: str):
        arrays = shard_arrays([make_clip(clip_id) for clip_id in ids], fields).with_row_checksums()
        return final, publish_by_url(store, final, arrays, content)

    return send


def test_it_is_there_as_it_was_staged(sent) -> None:
    final, published = sent("a", "b")
    assert identity(final) == published.identity
    assert published.identity


def test_a_sound_one_stays_and_an_unfinished_one_is_replaced(sent) -> None:
    final, first = sent("a", "b")
    _, second = sent("a")
    assert (second.identity, second.stored.checksum) == (first.identity, first.stored.checksum)
    names = sorted(entry.name for entry in final.parent.storage.list(final.name))
    final.parent.storage.replace_if_match(names[0], None, b"half")
    _, third = sent("a")
    assert third.stored.checksum != first.stored.checksum
    assert identity(final) == third.identity


def test_a_damaged_one_that_is_recorded_is_left_to_those_who_repair(sent) -> None:
    final, _ = sent("a", "b")
    names = sorted(entry.name for entry in final.parent.storage.list(final.name))
    final.parent.storage.replace_if_match(names[0], None, b"damaged")
    final.parent.storage.put_if_absent(f"{final.stem}.json", b"a record")
    assert sent("a", "b")[1] is None
