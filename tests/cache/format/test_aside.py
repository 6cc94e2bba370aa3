"""What is set aside is out of the way, whole, and still known; in a folder and behind a URL."""

from __future__ import annotations

import uuid

import pytest

from cache.common.storage.url_path import place
from cache.format import catalog
from cache.format.aside import new_aside, set_aside


@pytest.fixture(params=["folder", "memory"])
def path(request, tmp_path):
    return tmp_path / "c" if request.param == "folder" else place(f"memory://{uuid.uuid4().hex}/c")


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_what_was_set_aside_is_still_known(path, make_cache, store) -> None:
    make_cache(path, shards=1, store=store)
    [record] = catalog.read_records(path)
    shards = path / "shards"
    aside = set_aside(path, shards / f"{record.name}.json", shards / record.file)
    assert aside.parent == path / "damaged"
    assert catalog.read_records(path) == []
    assert not (shards / record.file).exists()
    assert not (shards / record.file).is_dir()
    assert catalog.read_set_aside(path) == [record]
    moved = aside / record.file
    assert moved.is_dir() if store == "zarr" else moved.is_file()


def test_a_damaged_record_there_names_nothing(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1)
    [record] = catalog.read_records(tmp_path / "c")
    aside = set_aside(tmp_path / "c", tmp_path / "c" / "shards" / f"{record.name}.json")
    (aside / f"{record.name}.json").write_text("{")
    assert catalog.read_set_aside(tmp_path / "c") == []
    assert new_aside(tmp_path / "c") != aside
