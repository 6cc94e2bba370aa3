"""The projection: windows of frames, principal axes, a file that is trusted in nothing."""

from __future__ import annotations

import io
import shutil
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from cache.common.errors import DamagedCacheError
from cache.compaction.projection import Projection, pool_frames


def test_the_last_window_is_over_what_is_left() -> None:
    values = np.arange(14, dtype=np.float16).reshape(7, 2)
    np.testing.assert_array_equal(pool_frames(values, 3), [[2, 3], [8, 9], [12, 13]])
    np.testing.assert_array_equal(pool_frames(values, 1), values)
    np.testing.assert_array_equal(pool_frames(values, 99), [[6, 7]])


def test_the_projection_is_pca_of_the_pooled_frames_of_the_clips_named(full, small) -> None:
    source, projection = CacheReader(full), Projection.load(small)
    assert sorted(projection.fitted_on) == [f"{n:02}" for n in range(10)]
    rows = np.concatenate(
        [pool_frames(source.read_frames(i, "hidden_states/12"), 5) for i in projection.fitted_on]
    ).astype(np.float64)
    axes = projection.axes["hidden_states/12"]
    np.testing.assert_allclose(axes.mean, rows.mean(axis=0), rtol=1e-4, atol=1e-4)
    variance = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    np.testing.assert_allclose(axes.explained_variance, variance[:20], rtol=1e-3)
    assert axes.explained == pytest.approx(variance[:20].sum() / variance.sum(), rel=1e-4)
    np.testing.assert_allclose(axes.basis.T @ axes.basis, np.eye(20), atol=1e-5)


@pytest.mark.parametrize("kind", ["missing", "text", "pickle", "bomb", "edited", "huge header"])
def test_a_projection_that_is_not_the_caches_own_is_refused(small, tmp_path, monkeypatch, kind) -> None:
    path = tmp_path / "c"
    shutil.copytree(small, path)
    file = path / "projection.npz"
    if kind == "missing":
        file.unlink()
    elif kind == "text":
        file.write_text("no zip")
    elif kind == "pickle":
        np.savez(file, pool=np.array([{}], dtype=object))
    elif kind == "bomb":
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("pool.npy", "w") as member,
        ):
            member.write(bytes(2 << 20))
        monkeypatch.setattr("cache.compaction.projection.MAX_FILE_BYTES", 1 << 20)
    elif kind == "huge header":
        buffer = io.BytesIO()
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
        np.lib.format.write_array_header_1_0(buffer, header)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("pool.npy", buffer.getvalue())
    else:
        projection = Projection.from_file(file)
        file.write_bytes(replace(projection, pool=6).to_bytes())
    with pytest.raises(DamagedCacheError, match=r"projection\.npz"):
        Projection.load(path)


def _zip(path, *members: tuple[str, bytes], compressed: bool = False) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(name, data)


def _npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize("kind", ["inflates", "lies", "many", "deep", "locator", "comment", "cut"])
def test_a_small_file_never_takes_much_memory(tmp_path, kind) -> None:
    path = tmp_path / "projection.npz"
    if kind in ("inflates", "lies"):
        _zip(path, ("pool.npy", bytes(300 << 20)), compressed=True)
        if kind == "lies":  # what is said of its length, in the member's header and in the directory
            data = path.read_bytes()
            path.write_bytes(data.replace((300 << 20).to_bytes(4, "little"), (64).to_bytes(4, "little")))
    elif kind == "many":
        _zip(path, *((str(number), b"") for number in range(1001)))
    elif kind == "deep":
        _zip(path, ("pool.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 9000)))
    else:
        _zip(path, ("pool.npy", b""))
        data = path.read_bytes()
        locator = b"PK\6\7" + bytes(16)
        odd = {"locator": data[:-22] + locator + data[-22:], "comment": data + b"more", "cut": data[:-1]}
        path.write_bytes(odd[kind])
    tracemalloc.start()
    try:
        with pytest.raises(DamagedCacheError, match="not a projection"):
            Projection.from_file(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_projection_that_was_written_is_read(small, tmp_path) -> None:
    projection = Projection.load(small)
    (tmp_path / "projection.npz").write_bytes(projection.to_bytes())
    assert Projection.from_file(tmp_path / "projection.npz").sha256 == projection.sha256
