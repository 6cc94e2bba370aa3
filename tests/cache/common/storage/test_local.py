"""A folder as a storage: nothing half-written is listed, and no link leads out."""

from __future__ import annotations

import pytest

from cache.common.errors import DamagedCacheError
from cache.common.storage.local import LocalStorage


def test_what_is_half_written_is_no_object(tmp_path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put_if_absent("shards/a", b"x")
    (tmp_path / "shards" / "b.host.1.abcd.tmp").write_bytes(b"half")
    assert [entry.name for entry in storage.list("")] == ["shards/a"]
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["a", "b.host.1.abcd.tmp"]


def test_links_are_refused(tmp_path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "outside")
    for ask in (
        LocalStorage(root).read,
        LocalStorage(root).size,
        lambda name: LocalStorage(root).read_range(name, 0, 1),
    ):
        with pytest.raises(DamagedCacheError, match="a link"):
            ask("a")


def test_a_refused_replacement_leaves_nothing_behind(tmp_path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put_if_absent("a", b"x")
    assert storage.replace_if_match("a", "another tag", b"y") is None
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
