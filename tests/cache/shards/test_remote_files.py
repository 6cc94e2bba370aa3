"""Files behind a URL are read in blocks: the same bytes, in fewer requests."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.errors import DamagedCacheError
from cache.common.storage.remote import RemoteStorage
from cache.shards import remote_files


def test_blocks_and_readahead_give_the_same_bytes(bucket, monkeypatch) -> None:
    monkeypatch.setattr(remote_files, "BLOCK", 1000)
    monkeypatch.setattr(remote_files, "WHOLE", 3000)
    monkeypatch.setattr(remote_files, "KEPT", 20_000)
    data = np.random.default_rng(0).integers(0, 256, 54_321, np.uint8).tobytes()
    bucket.storage.put_if_absent("f", data)
    asked = []
    read_range = RemoteStorage.read_range
    monkeypatch.setattr(RemoteStorage, "read_range", lambda *a: asked.append(a[1:]) or read_range(*a))
    for size in (54_321, 2_000):
        remote_files.forget()
        file = remote_files.RemoteFile(bucket / "f", size)
        places = [(0, 10), (995, 10), (10, 3000), (50_000, 4321), (54_320, 1), (20_000, 9000), (0, 54_321)]
        for position, count in places:
            out = bytearray(count)
            file.fill(memoryview(out), position)
            assert bytes(out) == data[position : position + count]
        with pytest.raises(DamagedCacheError, match="ends before byte 54322"):
            file.fill(memoryview(bytearray(2)), 54_320)
    remote_files.forget()
    asked.clear()
    file = remote_files.RemoteFile(bucket / "f", 54_321)
    for position in range(0, 54_000, 500):
        file.fill(memoryview(bytearray(500)), position)
    assert len(asked) < 12, "from front to back in few requests"
    assert file.end(5) == (data[-5:], 54_321)


def test_a_file_that_is_gone_is_damage(bucket) -> None:
    with pytest.raises(DamagedCacheError, match=r"s3://[^ ]+/f: No such object"):
        remote_files.RemoteFile(bucket / "f", 10).fill(memoryview(bytearray(2)), 0)
