"""Pooling over time and PCA: from a clip's frames to fewer and narrower ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cache.common import gate
from cache.common.errors import CacheError, DamagedCacheError, InvalidValueError, UnknownFieldError
from cache.common.types import Array
from cache.format import catalog
from cache.shards.arrays import text_array

FILE = "projection.npz"
BLOCK_FRAMES = 4096  # rows that are worth one matrix product
MAX_FILE_BYTES = 1 << 27  # 32 bases of 1024 × 1024, of 4 MB each
MAX_MEMBERS = 1000
MAX_DIRECTORY = 1 << 20  # bytes that name them
NPY_1 = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '([<|][fiS]\d{1,4})', 'fortran_order': False, 'shape': \(([\d, ]{1,40})\), \} *\n?"
)


READING_ERRORS = (
    *(OSError, KeyError, IndexError, ValueError, AttributeError, TypeError, OverflowError),
    *(
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ),  # of zipfile: broken, of another kind, encrypted
)


@dataclass(frozen=True)
class Axes:
    """The principal axes of one frame field.

    Attributes:
        mean: (width,) float32, of the frames it was fitted on.
        basis: (width, channels) float32, orthonormal columns, the largest variance first.
        explained_variance: (channels,) float64.
        total_variance: of all width channels together.
    """

    mean: Array
    basis: Array
    explained_variance: Array
    total_variance: float

    @property
    def explained(self) -> float:
        """Share of the variance that the kept axes hold."""
        return float(self.explained_variance.sum() / self.total_variance) if self.total_variance else 1.0


@dataclass(frozen=True)
class Projection:
    """Mean over windows of frames, then projection onto the principal axes of a field.

    Attributes:
        pool: frames a window; the last window of a clip is over what is left.
        axes: frame field → its axes; a field that is not named is pooled only.
        fitted_on: ids of the clips the axes were fitted on.
        asked: digest of the ids that were named to fit on; empty where none were, and in older files.
    """

    pool: int
    axes: Mapping[str, Axes]
    fitted_on: tuple[str, ...] = ()
    asked: str = ""

    def frames(self, field: str, values: Array) -> Array:
        """Return a clip's frames (frames, width) as (windows, channels) float32, not quantised."""
        pooled = pool_frames(values, self.pool)
        return self.global_mean(field, pooled)

    def global_mean(self, field: str, values: Array) -> Array:
        """Return vectors (…, width) of a field as (…, channels) float32: no pooling."""
        values = values.astype(np.float32, copy=False)
        axes = self.axes.get(field)
        return values if axes is None else np.asarray((values - axes.mean) @ axes.basis)

    @property
    def sha256(self) -> str:
        """Of everything that determines values: window, means and bases."""
        digest = hashlib.sha256(json.dumps([self.pool, sorted(self.axes)]).encode())
        for name in sorted(self.axes):
            digest.update(self.axes[name].mean.astype("<f4").tobytes())
            digest.update(self.axes[name].basis.astype("<f4").tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """As the file ``projection.npz``; plain arrays only."""
        arrays: dict[str, Array] = {"pool": np.array([self.pool], np.int64)}
        if self.fitted_on:
            arrays["fitted_on"] = text_array(self.fitted_on)
        if self.asked:
            arrays["asked"] = text_array((self.asked,))
        for name, axes in self.axes.items():
            arrays[f"mean/{name}"] = axes.mean
            arrays[f"basis/{name}"] = axes.basis
            arrays[f"explained_variance/{name}"] = axes.explained_variance
            arrays[f"total_variance/{name}"] = np.array([axes.total_variance])
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    @classmethod
    def load(cls, cache: Path | str) -> Projection:
        """Return the projection of a compact cache.

        Raises:
            CacheError: the folder is no compact cache.
            DamagedCacheError: its projection is not the one its recipe names.
        """
        path = Path(cache)
        recipe = catalog.read_description(path).recipe
        if recipe.projection_sha256 is None:
            raise CacheError(f"{path} is no compact cache; emi-cache compact SRC DST makes one")
        projection = cls.from_file(path / FILE)
        if projection.sha256 != recipe.projection_sha256:
            raise DamagedCacheError(f"{path / FILE}: not the projection this cache was made with; restore it")
        return projection

    @classmethod
    def from_file(cls, path: Path) -> Projection:
        """Read ``projection.npz``, trusting nothing in it."""
        try:
            arrays = dict(_members(path))
            names = [name.removeprefix("basis/") for name in arrays if name.startswith("basis/")]
            axes = {name: _axes(arrays, name) for name in names}
            fitted_on = tuple(text.decode() for text in arrays.get("fitted_on", np.array([])).tolist())
            asked = arrays["asked"][0].decode() if "asked" in arrays else ""
            return cls(int(arrays["pool"][0]), axes, fitted_on, asked)
        except READING_ERRORS as error:
            raise DamagedCacheError(f"{path}: not a projection ({error}); restore it from a copy") from None


def pool_frames(values: Array, window: int) -> Array:
    """Return means over windows of frames, float32; the last one over what is left."""
    values = values.astype(np.float32)
    if window == 1:
        return values
    whole = len(values) // window
    pooled: Array = values[: whole * window].reshape(whole, window, values.shape[1]).mean(axis=1)
    if whole * window < len(values):
        pooled = np.concatenate([pooled, values[whole * window :].mean(axis=0, keepdims=True)])
    return pooled


class Moments:
    """Accumulates mean and covariance of rows: one pass, one matrix product a block, sums in float64."""

    def __init__(self, width: int) -> None:
        self._count = 0
        self._sum = np.zeros(width)
        self._outer = np.zeros((width, width))
        self._shift: Array | None = None
        self._waiting: list[Array] = []
        self._rows = 0

    def add(self, rows: Array) -> None:
        """Count rows (rows, width) float32 in."""
        self._waiting.append(rows)
        self._rows += len(rows)
        if self._rows >= BLOCK_FRAMES:
            self._take()

    def _take(self) -> None:
        if not self._waiting:
            return
        block = np.concatenate(self._waiting)
        if self._shift is None:  # near the mean, so that the squares lose no digits
            self._shift = block.mean(axis=0)
        block -= self._shift
        self._sum += block.sum(axis=0, dtype=np.float64)
        self._outer += block.T @ block
        self._count += len(block)
        self._waiting, self._rows = [], 0

    def axes(self, channels: int) -> Axes:
        """Return the ``channels`` principal axes of the rows so far."""
        self._take()
        if self._shift is None or self._count < 2:
            raise InvalidValueError("shape", "cannot fit a projection: fewer than two frames to fit it on")
        mean = self._sum / self._count
        covariance = (self._outer - self._count * np.outer(mean, mean)) / (self._count - 1)
        variance, vectors = np.linalg.eigh(covariance)
        order = np.argsort(variance)[::-1][:channels]
        basis = vectors[:, order]
        basis = basis * np.where(basis[np.abs(basis).argmax(axis=0), range(len(order))] < 0, -1, 1)
        return Axes(
            (self._shift + mean).astype(np.float32),
            np.ascontiguousarray(basis, dtype=np.float32),
            np.maximum(variance[order], 0.0),
            float(np.maximum(variance, 0.0).sum()),
        )


def _axes(arrays: Mapping[str, Array], name: str) -> Axes:
    mean, basis = arrays[f"mean/{name}"], arrays[f"basis/{name}"]
    variance, total = arrays[f"explained_variance/{name}"], arrays[f"total_variance/{name}"]
    fits = basis.ndim == 2 and mean.shape == basis.shape[:1] and variance.shape == basis.shape[1:]
    if not fits or {mean.dtype, basis.dtype} != {np.dtype(np.float32)} or not np.isfinite(basis).all():
        raise ValueError(f"mean {mean.shape} and basis {basis.shape} of {name} do not belong together")
    return Axes(mean, basis, variance, float(total[0]))


def _members(path: Path) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of an npz without pickles, inflating nothing: what is compressed is none of ours."""
    with gate.opened(path.parent, path, MAX_FILE_BYTES) as file, _archive(file) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{info.filename[:100]!r} is compressed; a projection never is")
            yield info.filename.removesuffix(".npy"), _array(archive.read(info), info.filename)


def _array(data: bytes, name: str) -> Array:
    """Return the array of an npy file of version 1.0; its header is text that is matched, never evaluated."""
    size = int.from_bytes(data[8:10], "little")
    header = HEADER.fullmatch(data[10 : 10 + size])
    if data[:8] != NPY_1 or header is None:
        raise ValueError(
            f"{name[:100]!r} is no npy file of version 1.0 with plain numbers or text, row by row"
        )
    dtype, shape = (text.decode() for text in header.groups())
    return np.frombuffer(data, dtype, offset=10 + size).reshape(
        [int(n) for n in shape.split(",") if n.strip()]
    )


def _archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file that holds few members, and no more in them than it is long; raises ValueError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 42))
    before, tail = file.read(max(0, min(20, size - 22))), file.read(22)
    count, directory = int.from_bytes(tail[10:12], "little"), int.from_bytes(tail[12:16], "little")
    is_plain = tail.startswith(b"PK\5\6") and not before.startswith(b"PK\6\7")
    if not is_plain or count > MAX_MEMBERS or directory > MAX_DIRECTORY:
        raise ValueError(f"no zip file of at most {MAX_MEMBERS} arrays")
    archive = zipfile.ZipFile(file)
    if sum(info.file_size for info in archive.infolist()) > size:
        raise ValueError(f"its members are said to be longer than its {size} bytes")
    return archive


def require_fields(projection: Projection, names: Sequence[str], where: Path) -> None:
    """Raise UnknownFieldError unless every projected field is among ``names``."""
    missing = [name for name in projection.axes if name not in names]
    if missing:
        raise UnknownFieldError(f"{where} holds no {', '.join(missing)}, which the projection needs")
