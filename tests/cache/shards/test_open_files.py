"""However few files a process may open, and however many a cache has, every clip is read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cache import CacheReader
from cache.common.errors import DamagedCacheError
from cache.shards import open_files
from cache.shards.registry import STORES

READ_ALL = """
import resource, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
from cache import CacheReader, convert
readers = [CacheReader(sys.argv[1]) for _ in range(3)]
for reader in readers:
    for clip_id in reader:
        assert reader[clip_id].frames["vad"].size
print(len(readers[0]), convert(sys.argv[1], sys.argv[2], sys.argv[3]))
"""


@pytest.mark.parametrize("store", STORES)
def test_a_process_of_64_handles_reads_and_converts_any_number_of_shards(
    tmp_path, make_cache, python, store
) -> None:
    make_cache(tmp_path / "c", shards=40, clips=2, store=store)
    other = next(name for name in STORES if name != store)
    done = python("-c", READ_ALL, str(tmp_path / "c"), str(tmp_path / "d"), other)
    assert done.stdout.split() == ["80", "80"], done.stderr


@pytest.mark.parametrize("store", STORES)
def test_threads_that_close_each_others_files_and_forks_read_what_was_written(
    tmp_path, make_cache, monkeypatch, store
) -> None:
    monkeypatch.setattr(open_files, "MAX_HANDLES", 2)
    written = make_cache(tmp_path / "c", shards=6, clips=2, store=store)
    reader = CacheReader(tmp_path / "c")

    def is_right(clip_id: str) -> bool:
        return np.array_equal(reader[clip_id].frames["vad"], written[clip_id].frames["vad"])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [*written] * 10))
    child = os.fork()
    if not child:
        os._exit(0 if all(map(is_right, written)) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert all(map(is_right, written))


def test_a_file_that_was_replaced_or_lost_meanwhile_is_refused(tmp_path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    file = open_files.ReadFile(path, tmp_path)
    file.forget()
    assert os.pread(file.handle().number, 3, 0) == b"one"
    file.forget()
    (tmp_path / "g").write_bytes(b"two")
    (tmp_path / "g").replace(path)
    for _ in range(2):
        with pytest.raises(DamagedCacheError, match="replaced"):
            file.handle()
    path.unlink()
    with pytest.raises(DamagedCacheError, match="No such file"):
        file.handle()
