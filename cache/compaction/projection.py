"""Pooling over time and PCA: from a clip's frames to fewer and narrower ones."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import numpy as np

from cache.common import gate
from cache.common.errors import CacheError, DamagedCacheError, InvalidValueError, UnknownFieldError
from cache.common.storage.url_path import place
from cache.common.types import Array
from cache.format import catalog
from cache.shards.arrays import text_array

FILE = "projection.npz"
BLOCK_FRAMES = 4096  # rows that are worth one matrix product
MAX_FILE_BYTES = 1 << 27  # 32 bases of 1024 × 1024, of 4 MB each
MAX_MEMBERS = 1000
MAX_DIRECTORY = 1 << 20  # bytes that name them
COMMENT_BYTES = len(b"crc32c 01234567")
EMPTY_END = b"PK\5\6", b"\0\0"  # how a zip without a comment ends: 22 bytes from this to this
HEADER = re.compile(
    r"\{'descr': '(<f4|<f8|<i8|\|S[1-9][0-9]{0,6})', 'fortran_order': False, 'shape': \(([0-9, ]{1,40})\), \} *\n"
)
UNREADABLE = (
    *(OSError, KeyError, IndexError, ValueError, AttributeError, TypeError, OverflowError, EOFError),
    *(
        RuntimeError,
        struct.error,
        zipfile.BadZipFile,
    ),  # RuntimeError: encrypted, or a kind of zip it cannot read
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
        has_checksum: whether the file it was read from carried a checksum of its own.
    """

    pool: int
    axes: Mapping[str, Axes]
    fitted_on: tuple[str, ...] = ()
    asked: str = ""
    has_checksum: bool = field(default=True, compare=False)

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
        """As the file ``projection.npz``: plain arrays, and the checksum of all before it as the zip's comment."""
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
        data = buffer.getvalue()[:-2] + COMMENT_BYTES.to_bytes(2, "little")
        return data + _comment(data)

    @classmethod
    def load(cls, cache: Path | str) -> Projection:
        """Return the projection of a compact cache.

        Raises:
            CacheError: the folder is no compact cache.
            DamagedCacheError: its projection is not the one its recipe names.
        """
        path = place(cache)
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
            data = gate.read(path.parent, path, MAX_FILE_BYTES)
        except UNREADABLE as error:
            raise _no_projection(path, error) from None
        return cls.from_bytes(data, path)

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Projection:
        """Return the projection that a file of these bytes holds; ``path`` names it in errors."""
        try:
            has_checksum = _has_checksum(data)
            _require_few_members(data[: len(data) - COMMENT_BYTES * has_checksum])
            arrays = dict(_members(data))
            names = [name.removeprefix("basis/") for name in arrays if name.startswith("basis/")]
            axes = {name: _axes(arrays, name) for name in names}
            fitted_on = tuple(text.decode() for text in arrays.get("fitted_on", np.array([])).tolist())
            asked = arrays["asked"][0].decode() if "asked" in arrays else ""
            return cls(_pool(arrays["pool"]), axes, fitted_on, asked, has_checksum)
        except UNREADABLE as error:
            raise _no_projection(path, error) from None


def _no_projection(path: Path, error: Exception) -> DamagedCacheError:
    return DamagedCacheError(f"{path}: not a projection ({error}); restore it from a copy")


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
        with np.errstate(over="ignore", invalid="ignore"):  # see axes
            self._outer += block.T @ block
        self._count += len(block)
        self._waiting, self._rows = [], 0

    def axes(self, channels: int) -> Axes:
        """Return the ``channels`` principal axes of the rows so far; InvalidValueError if too few, or too large."""
        self._take()
        if self._shift is None or self._count < 2:
            raise InvalidValueError("shape", "cannot fit a projection: fewer than two frames to fit it on")
        mean = self._sum / self._count
        with np.errstate(invalid="ignore"):
            covariance = (self._outer - self._count * np.outer(mean, mean)) / (self._count - 1)
        if not np.isfinite(covariance).all():
            raise InvalidValueError(
                "non_finite", "cannot fit a projection: frames so large that float32 holds no square of them"
            )
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


def _comment(data: bytes) -> bytes:
    return f"crc32c {google_crc32c.value(data):08x}".encode()


def _has_checksum(data: bytes) -> bool:
    """Say whether a file carries its checksum; raises ValueError if that, or an end without it, is damaged."""
    if data[-COMMENT_BYTES:] == _comment(data[:-COMMENT_BYTES]):
        return True
    if (data[-22:-18], data[-2:]) != EMPTY_END:
        raise ValueError("its checksum does not match")
    return False


def _pool(values: Array) -> int:
    if values.shape != (1,) or values.dtype != np.int64 or values[0] < 1:
        raise ValueError(f"pool {values!r:.40}, expected a number of frames")
    return int(values[0])


def _axes(arrays: Mapping[str, Array], name: str) -> Axes:
    mean, basis = arrays[f"mean/{name}"], arrays[f"basis/{name}"]
    variance, total = arrays[f"explained_variance/{name}"], arrays[f"total_variance/{name}"]
    fits = basis.ndim == 2 and mean.shape == basis.shape[:1] and variance.shape == basis.shape[1:]
    is_finite = np.isfinite(basis).all() and np.isfinite(mean).all()
    if not fits or {mean.dtype, basis.dtype} != {np.dtype(np.float32)} or not is_finite:
        raise ValueError(f"mean {mean.shape} and basis {basis.shape} of {name} do not belong together")
    return Axes(mean, basis, variance, float(total[0]))


def _require_few_members(data: bytes) -> None:
    """Raise ValueError for a zip file, given up to its comment, that names too many members to even list them."""
    count, directory = int.from_bytes(data[-12:-10], "little"), int.from_bytes(data[-10:-6], "little")
    is_plain = data[-22:-18] == EMPTY_END[0] and data[-42:-38] != b"PK\6\7"
    if not is_plain or count > MAX_MEMBERS or directory > MAX_DIRECTORY:
        raise ValueError(f"no zip file of at most {MAX_MEMBERS} arrays")


def _members(data: bytes) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of an npz: nothing is unpickled, unpacked, or larger than the file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        plain = all(
            info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
            for info in members
        )
        if not plain or sum(info.file_size for info in members) > len(data):
            raise ValueError("its arrays are compressed, or promise more bytes than the file has")
        for info in members:
            yield info.filename.removesuffix(".npy"), _array(info.filename, archive.read(info))


def _array(name: str, data: bytes) -> Array:
    """Return the array of an npy file of version 1.0, row by row, of a dtype that a projection has."""
    start = 10 + int.from_bytes(data[8:10], "little")
    header = HEADER.fullmatch(data[10:start].decode("latin-1"))
    if data[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise ValueError(f"{name[:100]!r} is no array of a projection")
    shape = tuple(int(size) for size in header[2].split(",") if size.strip())
    return np.frombuffer(data, np.dtype(header[1]), offset=start).reshape(shape)


def require_fields(projection: Projection, names: Sequence[str], where: Path) -> None:
    """Raise UnknownFieldError unless every projected field is among ``names``."""
    missing = [name for name in projection.axes if name not in names]
    if missing:
        raise UnknownFieldError(f"{where} holds no {', '.join(missing)}, which the projection needs")
