"""Kills, full disks, hostile files, forks and threads: on both back ends, small; tests/bench has the long loop."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, verify
from cache.commit.failures import read_failures
from cache.common.errors import CacheError, DamagedCacheError, InvalidValueError, StorageError
from cache.shards.registry import STORES


@pytest.fixture(scope="module")
def killing(bench):
    """The long loop's own module."""
    return bench("killing")


@pytest.mark.parametrize("store", STORES)
def test_killed_at_random_instants_nothing_is_lost_or_wrong(killing, tmp_path, store) -> None:
    outcome = killing.kill_loop(tmp_path, store, kills=3, seed=3, clips=90)
    assert outcome.problems == []
    assert outcome.committed > 0


@pytest.mark.parametrize("store", STORES)
def test_killed_between_publishing_and_the_record(
    tmp_path, recipe, fields, make_clip, monkeypatch, store
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields, store=store)
    [plan] = writer.plan({"a": 7, "b": 7})
    clips = [make_clip("a"), make_clip("b")]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("cache.common.durable.write_once", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.commit(clips, plan)
    assert len(CacheReader(tmp_path)) == 0
    assert len(list((tmp_path / "shards").iterdir())) == 1
    again = CacheWriter.open(tmp_path, recipe, fields)
    assert [p.name for p in again.plan({"a": 7, "b": 7})] == [plan.name]
    again.commit(clips, plan)
    assert verify(tmp_path).findings == ()
    assert len(CacheReader(tmp_path)) == 2


@pytest.mark.parametrize("store", STORES)
def test_a_full_disk_is_one_line_and_goes_on_when_there_is_space(python, tmp_path, store) -> None:
    code = f"""
import resource, signal
import numpy as np
from cache import CacheWriter, ClipFeatures, FrameField
from cache.common.errors import StorageError
fields = [FrameField("vad", 300, np.dtype("float32"))]
def clip(name, frames):
    x = np.ones((frames, 300), np.float32)
    return ClipFeatures(name, {{"vad": x}}, {{"vad": x[0]}}, 999, -20.0, "0" * 64, {{}})
writer = CacheWriter.open({str(tmp_path / "c")!r}, {{"model": "m"}}, fields, store={store!r})
writer.commit([clip("small", 2)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    writer.commit([clip("large", 1000)])
except StorageError as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.commit([clip("large", 1000)])
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "limit" in done.stdout
    assert set(CacheReader(tmp_path / "c").clip_ids) == {"small", "large"}
    assert verify(tmp_path / "c").findings == ()
    assert not list(tmp_path.rglob("*.tmp"))


def total(path: str) -> float:
    """Read every clip; for processes."""
    reader = CacheReader(path)
    return float(
        sum(reader.read_frames(clip_id, "vad").astype(np.float64).sum() for clip_id in reader.clip_ids)
    )


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_and_threads_read_at_once_also_after_the_parent_has(
    tmp_path, make_cache, store, method
) -> None:
    written = make_cache(tmp_path / "c", shards=3, store=store)
    expected = total(str(tmp_path / "c"))
    reader = CacheReader(tmp_path / "c")
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda clip_id: reader.read_frames(clip_id, "vad"), [*written] * 20))
    for clip_id, found in zip([*written] * 20, read, strict=True):
        np.testing.assert_array_equal(found, written[clip_id].frames["vad"])
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(total, [str(tmp_path / "c")] * 4) == [expected] * 4


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_one_reader_handed_to_data_loader_workers(tmp_path, make_cache, store, method) -> None:
    torch = pytest.importorskip("torch")
    written = make_cache(tmp_path / "c", shards=2, store=store)
    dataset = Frames(tmp_path / "c", list(written))
    np.testing.assert_array_equal(dataset[0], written[dataset.ids[0]].frames["vad"])
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, num_workers=2, multiprocessing_context=method
    )
    for clip_id, found in zip(dataset.ids, loader, strict=True):
        np.testing.assert_array_equal(found, written[clip_id].frames["vad"])


class Frames:
    """A dataset as people write it: one reader, opened when first used."""

    def __init__(self, path: Path, ids: list[str]) -> None:
        self.path, self.ids = path, ids
        self._reader: CacheReader | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> np.ndarray:
        self._reader = self._reader or CacheReader(self.path)
        return self._reader.read_frames(self.ids[index], "vad")

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "ids": self.ids, "_reader": None}


@pytest.fixture
def cache(tmp_path, make_cache) -> Path:
    make_cache(tmp_path / "c", shards=1)
    return tmp_path / "c"


def record_of(cache: Path) -> Path:
    return next((cache / "shards").glob("*.json"))


@pytest.mark.parametrize("clip_id", ["../../etc/passwd", "/etc/passwd", "a/../b", "", "a\nb", "a//b", "."])
def test_ids_that_are_paths_are_refused_on_the_way_in_and_out(
    cache, tmp_path, recipe, fields, make_clip, rewrite, clip_id
) -> None:
    rewrite(record_of(cache), lambda document: document["clip_ids"].__setitem__(0, clip_id))
    with pytest.raises(DamagedCacheError, match="is no clip id"):
        CacheReader(cache)
    with pytest.raises(InvalidValueError, match="is no clip id"):
        CacheWriter.open(tmp_path / "d", recipe, fields).commit([make_clip(clip_id)])


@pytest.mark.parametrize("place", ["record", "shards", "cache.json"])
def test_links_out_of_the_folder_are_refused(cache, tmp_path, place) -> None:
    victim = {"record": record_of(cache), "shards": cache / "shards", "cache.json": cache / "cache.json"}[
        place
    ]
    victim.rename(tmp_path / "outside")
    victim.symlink_to(tmp_path / "outside")
    with pytest.raises(CacheError):
        CacheReader(cache)
    before = sorted((tmp_path / "outside").iterdir()) if place == "shards" else []
    with pytest.raises(CacheError):
        CacheWriter.open(cache, {"model": "test"}, [])
    assert before == (sorted((tmp_path / "outside").iterdir()) if place == "shards" else [])


def test_a_device_in_place_of_a_file_is_refused_at_once(cache) -> None:
    os.mkfifo(cache / "shards" / "0123456789abcdef-0.json")
    with pytest.raises(DamagedCacheError):
        CacheReader(cache)
    (cache / "shards" / "0123456789abcdef-0.json").unlink()
    os.mkfifo(cache / "failures" / "x.jsonl")
    with pytest.raises(CacheError):
        read_failures(cache, set())


HUGE = {
    "empty file": lambda document: document.update(bytes=0, num_frames=[10**14] * 3),
    "shape": lambda document: document["datasets"]["frames/vad"].update(shape=[10**14, 3]),
    "missing frames": lambda document: (document["datasets"].pop("frames/vad"), document.update()),
    "width": lambda document: document["datasets"]["frames/vad"].update(shape=[15, 10**13]),
    "other width": lambda document: document["datasets"]["frames/vad"].update(shape=[15, 1]),
    "other dtype": lambda document: document["datasets"]["frames/vad"].update(dtype="<f8"),
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_record_that_promises_other_bytes_is_refused_without_a_huge_allocation(
    cache, rewrite, kind
) -> None:
    rewrite(record_of(cache), HUGE[kind])
    with pytest.raises(CacheError):
        total(str(cache))
    assert verify(cache).findings


def test_a_shard_swapped_for_another_of_the_same_size_is_refused(tmp_path, recipe, fields, make_clip) -> None:
    writer = CacheWriter.open(tmp_path / "c", recipe, fields)
    names = [writer.commit([make_clip(clip_id)]).file for clip_id in ("a", "b")]
    shards = tmp_path / "c" / "shards"
    shutil.move(shards / names[0], tmp_path / "x")
    shutil.move(shards / names[1], shards / names[0])
    shutil.move(tmp_path / "x", shards / names[1])
    with pytest.raises(DamagedCacheError, match=r"checksum|bytes"):
        CacheReader(tmp_path / "c").read_frames("a", "vad")
    assert {finding.shard for finding in verify(tmp_path / "c").findings} == set(names)


def test_a_value_that_is_not_finite_is_found_under_a_right_checksum(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path / "c", recipe, fields)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cache.shards.arrays.check_clip", lambda *_: None)
        clip = make_clip("bad")
        clip.frames["vad"][1, 2] = np.nan
        clip.global_mean["vad"][0] = np.inf
        writer.commit([make_clip("a"), clip])
    found = {(finding.clip, finding.field) for finding in verify(tmp_path / "c").findings}
    assert found == {("bad", "frames/vad"), ("bad", "global_mean/vad")}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    may = os.geteuid() == 0 and shutil.which("mount")
    if not may or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(path)], check=True)


def fill(writer: CacheWriter, make_clip) -> None:
    for number in range(60):
        writer.commit([make_clip(f"{number:05}", 400)])


@pytest.mark.parametrize("store", STORES)
def test_a_disk_that_fills_up_or_becomes_read_only(small_disk, recipe, fields, make_clip, store) -> None:
    writer = CacheWriter.open(small_disk / "c", recipe, fields, store=store)
    with pytest.raises(StorageError, match="disk is full: make space") as refused:
        fill(writer, make_clip)
    assert "\n" not in str(refused.value)
    done = len(CacheReader(small_disk / "c"))
    assert 0 < done < 60
    assert verify(small_disk / "c").findings == ()
    assert not list(small_disk.rglob("*.tmp"))
    remount(small_disk, "size=20m")
    writer.commit([make_clip(f"{done:05}", 400)])
    remount(small_disk, "ro")
    with pytest.raises(StorageError, match="read-only"):
        writer.commit([make_clip("another")])
    assert len(CacheReader(small_disk / "c")) == done + 1
    assert verify(small_disk / "c").findings == ()
