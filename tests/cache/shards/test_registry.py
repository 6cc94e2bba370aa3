"""The back ends there are: adding one is a module and a line."""

from __future__ import annotations

import os
import sys

import pytest
import typer

from cache import CacheReader, CacheWriter, convert, diff, repair, verify
from cache.common.errors import CacheError
from cache.shards.hdf5 import Hdf5Store
from cache.shards.registry import STORES, backend_name, get_store, suffixes


def test_unknown_back_end_lists_those_there_are() -> None:
    with pytest.raises(CacheError, match="hdf5"):
        get_store("parquet")


def test_a_new_back_end_is_a_module_and_a_line(tmp_path, recipe, fields, make_clip, monkeypatch) -> None:
    """HDF5 under another name and suffix: written, read, converted to, and offered by the command lines."""
    module = type(sys)("my_store")

    class MyStore(Hdf5Store):
        name = "mine"
        suffix = ".mine"

    module.MyStore = MyStore
    monkeypatch.setitem(sys.modules, "my_store", module)
    STORES.add("mine", "my_store:MyStore", "a store of a test")
    try:
        writer = CacheWriter.open(tmp_path / "c", recipe, fields, store="mine")
        writer.commit([make_clip("a")])
        convert(tmp_path / "c", tmp_path / "d", "hdf5")
        convert(tmp_path / "d", tmp_path / "e", "mine")
        assert diff(tmp_path / "c", tmp_path / "e", exact=True) == []
        assert verify(tmp_path / "e").findings == ()
        assert [path.suffix for path in (tmp_path / "e" / "shards").iterdir() if path.suffix != ".json"] == [
            ".mine"
        ]
        assert backend_name("MINE") == "mine"
        assert suffixes() == {".h5", ".zarr", ".mine"}
    finally:
        STORES.remove("mine")


class Renamed(Hdf5Store):
    """HDF5 under another name and suffix."""

    name = "mine"
    suffix = ".mine"


@pytest.fixture
def mine(monkeypatch) -> type[Renamed]:
    """A third back end, made by the two documented steps: a module, and a line."""
    module = type(sys)("my_store")
    module.Renamed = Renamed
    monkeypatch.setitem(sys.modules, "my_store", module)
    STORES.add("mine", "my_store:Renamed", "a store of a test")
    yield Renamed
    if "mine" in STORES:
        STORES.remove("mine")


def test_a_third_back_end_is_verified_and_repaired_as_the_others(
    mine, tmp_path, recipe, fields, make_clip
) -> None:
    path = tmp_path / "c"
    writer = CacheWriter.open(path, recipe, fields, store="mine")
    first, second, third = (writer.commit([make_clip(one), make_clip(one + "2")]) for one in "abc")
    shards = path / "shards"
    for record, name in ((first, "frames/vad"), (second, "clips/duration")):
        data = bytearray((shards / record.file).read_bytes())
        data[record.datasets[name].offset] ^= 1
        (shards / record.file).write_bytes(data)
    (shards / f"{third.name}.json").unlink()
    assert "no commit record names this file" in " ".join(map(str, verify(path).findings))
    os.utime(shards / third.file, (0, 0))
    done = repair(path, verify(path))
    assert (done.clips, done.salvaged) == (("a", "b"), ("a2", "b2"))
    assert done.recorded == (third.file,)
    assert {item.name for item in done.aside.iterdir()} == {
        *(first.file, f"{first.name}.json", second.file, f"{second.name}.json")
    }
    assert verify(path).findings == ()
    assert set(CacheReader(path)) == {"a2", "b2", "c", "c2"}


def test_a_back_end_that_is_not_installed_is_no_damage(mine, tmp_path, recipe, fields, make_clip) -> None:
    record = CacheWriter.open(tmp_path / "c", recipe, fields, store="mine").commit([make_clip("a")])
    STORES.remove("mine")
    report = verify(tmp_path / "c")
    assert "back end 'mine' is not installed here" in str(report.findings[0])
    assert repair(tmp_path / "c", report).aside is None
    assert (tmp_path / "c" / "shards" / record.file).exists()


@pytest.mark.parametrize("suffix", [".json", ".tmp", "mine", ".a.b", ".Mine", "."])
def test_a_suffix_by_which_shards_cannot_be_told_is_refused(mine, monkeypatch, suffix) -> None:
    monkeypatch.setattr(mine, "suffix", suffix)
    with pytest.raises(CacheError, match="expected a dot and up to 10"):
        get_store("mine")


def test_names_are_taken_in_any_case_and_others_refused_as_usage() -> None:
    assert (backend_name(None), backend_name("HDF5"), backend_name("Zarr")) == (None, "hdf5", "zarr")
    with pytest.raises(typer.BadParameter, match="found 'hdf', expected hdf5 or zarr; did you mean 'hdf5'"):
        backend_name("hdf")


def test_the_first_record_already_names_the_library_of_the_back_end(python, tmp_path) -> None:
    code = """
import sys; import numpy as np
from cache import CacheWriter, ClipFeatures, FrameField
x = np.ones((3, 2), np.float32)
writer = CacheWriter.open(sys.argv[1], {"model": "m"}, [FrameField("x", 2)], store=sys.argv[2])
record = writer.commit([ClipFeatures("a", {"x": x}, {"x": x[0]}, 999, -20.0, "0" * 64, {})])
print(*record.content.versions)
"""
    for store, library in (("hdf5", "h5py"), ("zarr", "zarr")):
        done = python("-c", code, str(tmp_path / store), store)
        assert library in done.stdout.split(), done.stderr
