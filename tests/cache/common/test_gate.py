"""The gate: nothing that lies elsewhere is read, listed, made or removed through a path of a cache."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cache.common import gate
from cache.common.errors import DamagedCacheError

SECRET = b"what lies elsewhere"


@pytest.fixture
def outside(tmp_path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "cache" / "shards").mkdir(parents=True)
    (tmp_path / "cache" / "shards" / "a").write_bytes(b"own")
    return tmp_path / "cache"


def test_files_of_the_cache_are_read_through_a_root_that_is_a_link(root, tmp_path) -> None:
    (tmp_path / "named").symlink_to(root)
    for each in (root, tmp_path / "named"):
        assert gate.read(each, each / "shards" / "a") == b"own"
        assert gate.names(each, "shards") == ["a"]
        assert gate.folder(each, "shards") == each / "shards"
    gate.remove(root, root / "shards" / "a")
    gate.remove(root, root / "shards" / "a")
    assert gate.names(root, "shards") == []


@pytest.mark.parametrize("depth", ["file", "folder", "inner folder"])
def test_no_link_is_followed_wherever_it_stands(root, outside, depth) -> None:
    path = root / "shards" / "more" / "secret"
    if depth == "file":
        path.parent.mkdir()
        path.symlink_to(outside / "secret")
    elif depth == "folder":
        (root / "shards" / "a").unlink()
        (root / "shards").rmdir()
        (outside / "more").mkdir()
        (outside / "more" / "secret").write_bytes(SECRET)
        (root / "shards").symlink_to(outside)
    else:
        path.parent.symlink_to(outside)
    with pytest.raises(DamagedCacheError, match="a link; a cache holds its own files"):
        gate.read(root, path)
    if depth == "file":  # the link goes, what it leads to stays
        gate.remove(root, path)
        assert not os.path.lexists(path)
    else:
        with pytest.raises(DamagedCacheError, match="a link"):
            gate.remove(root, path)
        with pytest.raises(DamagedCacheError, match="a link"):
            gate.names(root, "shards/more")
    assert (outside / "secret").read_bytes() == SECRET


def test_a_folder_that_is_a_link_or_a_file_is_refused_and_a_missing_one_made(root, outside) -> None:
    (root / "leases").symlink_to(outside)
    (root / "failures").write_bytes(b"")
    (root / "damaged").symlink_to(root / "nowhere")
    for name in ("leases", "failures", "damaged"):
        for ask in (gate.folder, gate.make_folder, gate.names):
            with pytest.raises(DamagedCacheError, match=rf"{name}: (a link|not a folder)"):
                ask(root, name)
    assert gate.folder(root, "writers") == root / "writers"
    assert gate.names(root, "writers") == []
    assert gate.make_folder(root, "writers").is_dir()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large"])
def test_only_regular_files_of_bounded_size_are_opened_and_nobody_is_waited_for(root, kind) -> None:
    path = root / "shards" / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)  # takes no space
    began = time.monotonic()
    with pytest.raises(DamagedCacheError, match=r"a link|not a file|1099511627776 bytes, expected at most"):
        gate.read(root, path)
    assert time.monotonic() - began < 1


def test_no_path_leads_upwards(root, outside) -> None:
    with pytest.raises(DamagedCacheError, match="leads out of the cache"):
        gate.read(root, root / "shards" / ".." / ".." / "outside" / "secret")
    with pytest.raises(ValueError, match="is not in the subpath"):
        gate.read(root, outside / "secret")


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        *((name, True) for name in ("vad", "hidden_states/12", "clips/crc32c/hidden_states/12", "a.b-c_1")),
        *((name, False) for name in ("", "..", ".", "a/..", "../a", "/a", "a//b", "a/", ".hidden", "-a")),
        *((name, False) for name in ("a\\b", "a\nb", "a\x1b[31m", "a\u202eb", "C:/a", "x" * 101, "ü")),
        ("/".join("abcdefghijk"), False),
    ],
)
def test_names_of_fields_are_on_an_allow_list(name, fits) -> None:
    assert gate.is_array_name(name) is fits
    if not fits:
        with pytest.raises(ValueError, match="is no name of a field"):
            gate.require_array_name(name)
