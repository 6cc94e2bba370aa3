"""A received cache never reaches outside itself: not by its names, its links, its devices or its shards."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from cache import CacheError, CacheReader, CacheWriter, convert, diff, export, merge, repair, verify
from cache.commit import leases
from cache.commit.failures import Failure, read_failures
from cache.common.errors import DamagedCacheError
from cache.format import catalog
from cache.format.schema import FrameField
from cache.shards.registry import get_store
from cache.tools.info import info

FOLDERS = ("shards", "failures", "leases", "writers", "damaged")


@pytest.fixture
def cache(tmp_path, make_cache) -> Path:
    make_cache(tmp_path / "cache", shards=1)
    return tmp_path / "cache"


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """Files that each of the folders would have deleted, read or added to."""
    folder = tmp_path / "outside"
    folder.mkdir()
    host = "elsewhere"
    for name in (f"a-0.h5.{host}.1.aaaa.tmp", "a-0.0.lease", f"{host}.1.x.journal", "x.jsonl", "a-0.json"):
        (folder / name).write_text('{"owner": "", "host": "", "pid": 1, "until": 0}')
        os.utime(folder / name, (0, 0))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def every_use(cache: Path, target: Path, recipe, fields) -> dict:
    return {
        "read": lambda: CacheReader(cache),
        "info": lambda: info(cache),
        "verify and repair": lambda: repair(cache, verify(cache)),
        "merge": lambda: merge([cache], target / "merged"),
        "merge into": lambda: merge([target / "sound"], cache),
        "convert": lambda: convert(cache, target / "converted", "zarr"),
        "convert into": lambda: convert(target / "sound", cache, "hdf5"),
        "diff": lambda: diff(target / "sound", cache),
        "export": lambda: export(cache, target / "exported", parquet=False),
        "write": lambda: CacheWriter.open(cache, recipe, fields).fail(
            Failure("a", "a.wav", "decode", "damaged", "x")
        ),
    }


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_a_link_ends_every_use_and_nothing_behind_it_changes(
    cache, outside, tmp_path, recipe, fields, name
) -> None:
    shutil.copytree(cache, tmp_path / "sound")
    shutil.rmtree(cache / name, ignore_errors=True)
    (cache / name).symlink_to(outside)
    before = contents(outside)
    for use in every_use(cache, tmp_path, recipe, fields).values():
        with pytest.raises(CacheError, match=f"{name}: a link"):
            use()
    assert contents(outside) == before


@pytest.mark.parametrize("name", FOLDERS)
def test_a_new_cache_is_not_begun_around_a_link(tmp_path, outside, recipe, fields, name) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / name).symlink_to(outside)
    before = contents(outside)
    with pytest.raises(CacheError, match=f"{name}: a link"):
        CacheWriter.open(tmp_path / "new", recipe, fields)
    assert contents(outside) == before


@pytest.mark.parametrize("target", ["secret", "pipe", "/dev/zero"])
@pytest.mark.parametrize("name", ["failures/x.jsonl", "compact.json", "projection.npz"])
def test_what_merge_and_convert_take_along_are_files_of_the_cache(cache, tmp_path, name, target) -> None:
    (tmp_path / "secret").write_text("secret")
    if target == "pipe":
        os.mkfifo(cache / name)
    else:
        (cache / name).symlink_to(tmp_path / target)
    for use in (lambda out: merge([cache], out), lambda out: convert(cache, out, "zarr")):
        with pytest.raises(DamagedCacheError, match=r"a link|not a file"):
            use(tmp_path / "out")
        assert not any("secret" in path.read_text() for path in tmp_path.glob(f"out/{name}"))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "/etc", ""])
def test_a_field_may_not_be_called_so_that_export_writes_elsewhere(cache, tmp_path, name) -> None:
    description = json.loads((cache / "cache.json").read_text())
    description["fields"][name] = description["fields"]["vad"]
    del description["crc32c"]  # whoever sends a cache can write another, or none
    (cache / "cache.json").write_text(json.dumps(description))
    for use in (lambda: export(cache, tmp_path / "out", parquet=False), lambda: CacheReader(cache)):
        with pytest.raises(DamagedCacheError, match="is no name of a field"):
            use()
    with pytest.raises(ValueError, match="is no name of a field"):
        FrameField(name, 3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["frames/../../../outside", "/outside", "frames/./vad"])
def test_an_array_of_a_record_may_not_lie_elsewhere(tmp_path, make_cache, name) -> None:
    make_cache(tmp_path / "cache", shards=1, store="zarr")
    path = next(catalog.record_paths(tmp_path / "cache"))
    record = json.loads(path.read_text())
    record["datasets"][name] = record["datasets"].pop("frames/vad")
    path.write_text(json.dumps(record))
    with pytest.raises(DamagedCacheError):
        CacheReader(tmp_path / "cache")
    dataset = next(iter(catalog.read_records(_copy_of_good(tmp_path, make_cache)))).datasets["frames/vad"]
    shard = get_store("zarr").open(path.with_suffix(".zarr"), {name: dataset})
    with pytest.raises((DamagedCacheError, ValueError)):
        shard.read(name, 0, 1)


def _copy_of_good(tmp_path, make_cache) -> Path:
    make_cache(tmp_path / "good", shards=1, store="zarr")
    return tmp_path / "good"


@pytest.mark.parametrize("inside", ["zarr.json", "frames/vad/c.0.0", "frames/vad", "frames"])
def test_links_inside_a_zarr_shard_are_refused(tmp_path, make_cache, inside) -> None:
    make_cache(tmp_path / "cache", shards=1, store="zarr")
    shard = next((tmp_path / "cache" / "shards").glob("*.zarr"))
    (shard / inside).rename(tmp_path / "moved")
    (shard / inside).symlink_to(tmp_path / "moved")
    reader = CacheReader(tmp_path / "cache")
    with pytest.raises(DamagedCacheError, match="never holds links"):
        reader.read_frames(reader.clip_ids[0], "vad")
    record = reader.records[0]
    if inside != "zarr.json":  # and where somebody swaps it once the shard is open
        opened = get_store("zarr").open(shard, record.datasets)
        with pytest.raises(DamagedCacheError, match="a link"):
            opened.read("frames/vad", 0, 1)
    assert verify(tmp_path / "cache").findings


def _h5(kind: str, file: h5py.File, outside: Path) -> None:
    if kind == "external link":
        file["frames/vad"] = h5py.ExternalLink(str(outside), "/x")
    elif kind == "soft link":
        file["a"] = np.zeros(3, np.float32)
        file["frames/vad"] = h5py.SoftLink("/a")
    elif kind == "external storage":
        file.create_dataset("frames/vad", (3,), "f4", external=[(str(outside), 0, 12)])
    elif kind == "virtual":
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource(str(outside), "x", (3,))
        file.create_virtual_dataset("frames/vad", layout)
    elif kind == "chunked":
        file.create_dataset("frames/vad", (3,), "f4", chunks=(3,))
    elif kind == "huge":
        file.create_dataset("frames/vad", (1 << 40,), "f4")
    elif kind == "cycle":
        file["frames/again"] = file["/"]
    elif kind == "objects":
        file.create_dataset("frames/vad", (3,), h5py.string_dtype())
    else:
        group = file
        for _ in range(3000):
            group = group.create_group("g")


@pytest.mark.parametrize(
    "kind",
    [
        *("external link", "soft link", "external storage", "virtual", "chunked", "huge", "cycle", "objects"),
        "3000 nested groups",
    ],
)
def test_what_hdf5_can_do_besides_arrays_is_refused(tmp_path, kind) -> None:
    outside, path = tmp_path / "outside.h5", tmp_path / "cache" / "shards" / "a.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(outside, "w") as file:
        file["x"] = np.zeros(3, np.float32)
    with h5py.File(path, "w") as file:
        file.create_group("frames")
        _h5(kind, file, outside)
    os.mkfifo(tmp_path / "pipe")
    outside.unlink()
    os.link(tmp_path / "pipe", outside)  # whoever opens it now, hangs
    with pytest.raises(DamagedCacheError, match="not a readable HDF5 shard"):
        get_store("hdf5").describe(path)


def test_repair_takes_no_name_of_a_file_for_a_pattern(cache) -> None:
    (cache / "shards" / "*.json").write_text("{}")
    done = repair(cache, verify(cache))
    assert done.aside is not None
    assert [path.name for path in done.aside.iterdir()] == ["*.json"]
    assert len(CacheReader(cache)) == 3


@pytest.mark.parametrize(
    "lease",
    [
        b"[" * 100_000,
        b'{"owner": "", "host": "%s", "pid": 1%s, "until": 9e9}' % (leases.host_name().encode(), b"0" * 40),
        b'{"owner": "", "host": "", "pid": -1, "until": 9e9}',
        b'{"owner": "", "host": "", "pid": 1, "until": 1' + b"0" * 400 + b"}",
        b" " * 10_000,
    ],
)
def test_a_lease_that_is_none_of_ours_counts_for_nothing_and_goes(cache, recipe, fields, lease) -> None:
    (cache / "leases" / "a-0.0.lease").write_bytes(lease)
    (cache / "leases" / "a-0.².lease").write_bytes(lease)
    (cache / "leases" / f"a-0.{10**50}.lease").write_bytes(lease)
    CacheWriter.open(cache, recipe, fields)
    assert not (cache / "leases" / "a-0.0.lease").exists()
    assert leases.acquire(cache, "a-0") is not None


@pytest.mark.parametrize(
    "name", ["a-0.h5.HOST.²².aaaa.tmp", "a-0.h5.HOST.1%s.aaaa.tmp" % ("0" * 60), "*.tmp"]
)
def test_names_of_leftovers_are_read_with_care(cache, recipe, fields, name) -> None:
    (cache / "shards" / name.replace("HOST", leases.host_name())).write_bytes(b"")
    (cache / "writers").mkdir(exist_ok=True)
    (cache / "writers" / f"{leases.host_name()}.²².x.journal").write_bytes(b"")
    os.symlink("/dev/zero", cache / "writers" / "b.1.x.journal")
    os.mkfifo(cache / "writers" / "c.1.x.journal")
    writer = CacheWriter.open(cache, recipe, fields)
    assert writer.generations(["0/00000"]) == {"0/00000": 0}


def test_a_ledger_may_hold_anything(cache) -> None:
    good = {"clip_id": "a", "path": "", "stage": "", "reason": "damaged", "message": "m", "time": 1.0}
    odd = [
        b"[" * 100_000,
        b"{}",
        b"7",
        json.dumps({**good, "clip_id": ["x"]}).encode(),
        json.dumps({**good, "message": {"a": 1}}).encode(),
        json.dumps({**good, "time": "soon"}).encode(),
        b"\xff\xfe",
        b"x" * 1_000_000,
    ]
    (cache / "failures" / "x.jsonl").write_bytes(b"\n".join([*odd, json.dumps(good).encode()]) + b"\n")
    assert [failure.message for failure in read_failures(cache, set())] == ["m"]
