"""One committed shard, open for reading: frames clip by clip, clip-level values by row or as whole arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cache.column import Column
from cache.commit.copies import copied
from cache.common.errors import DamagedCacheError, UnknownFieldError
from cache.common.registry import near_miss
from cache.common.storage.url_path import UrlPath
from cache.common.types import Array
from cache.format import schema
from cache.format.checksums import crc32c
from cache.format.record import WAY_OUT, CommitRecord, Dataset
from cache.format.schema import FrameField
from cache.shards.registry import get_store
from cache.shards.store import ShardFile

NARROW = 256  # bytes a clip: an array of such rows is kept once it has been read


class OpenShard:
    """Reads one shard and checks what it reads; safe in threads and after fork.

    An array's checksum needs all of its rows, and a clip must not cost what its shard costs. So a clip-level array
    is read whole when it is first asked for, and checked; from then on a clip costs its own row, or nothing.

    Attributes:
        path: of the shard's file or folder.
        record: what it must hold.
        columns: its frame fields, as far as they were asked for.
    """

    def __init__(self, path: Path, record: CommitRecord) -> None:
        self.path = path
        self.record = record
        self.columns: dict[str, Column] = {}
        self._file: ShardFile | None = None
        self._kept: dict[str, Array] = {}
        self._checked: set[str] = set()

    def close(self) -> None:
        """Let go of the open file; reading again opens it again."""
        self._file = None
        self.columns.clear()
        self._checked.clear()

    @property
    def clip_level_names(self) -> list[str]:
        """The arrays with one row per clip."""
        names = [name for name in self.record.datasets if name.startswith(schema.CLIP_LEVEL)]
        return names + [name for name in schema.LATER if name not in names]

    def column(self, field: FrameField) -> Column:
        """Return a frame field, if the record promises it as ``cache.json`` does."""
        known = self.columns.get(field.name)
        if known is not None:
            return known
        dataset = self.record.datasets.get(schema.FRAMES + field.name)
        if dataset is None or dataset.shape[1:] != (field.width,) or dataset.numpy_dtype != field.dtype:
            raise DamagedCacheError(
                f"{self.path}: frames/{field.name} is not {field.dtype.name} of width {field.width}, as "
                f"cache.json says; {WAY_OUT}"
            )
        column = Column(self.file, self.path, self.record, field, self.kept(schema.CRC + field.name))
        return self.columns.setdefault(field.name, column)

    def array(self, name: str) -> Array:
        """Return an array as it is stored, all rows, its checksum checked."""
        dataset = self.record.datasets.get(name)
        if dataset is None:
            raise UnknownFieldError(f"{self.path} holds no {name!r}")
        array = self.file.read(name, 0, dataset.shape[0])
        if crc32c(array) != dataset.crc32c:
            raise DamagedCacheError(f"{self.path}: {name}: checksum does not match; {WAY_OUT}")
        return array

    def clip_level(self, name: str) -> Array:
        """Return a clip-level array, all rows, its checksum checked.

        An array that came into the format after this shard was made has the value that was meant before.
        """
        if self._is_later(name):
            return np.full(len(self.record.clip_ids), schema.LATER[name])
        self._dataset(name)
        return self.array(name)

    def _is_later(self, name: str) -> bool:
        return name in schema.LATER and name not in self.record.datasets

    def kept(self, name: str) -> Array:
        """Return a clip-level array that is asked for clip by clip: read and checked once, then kept."""
        known = self._kept.get(name)
        return self._kept.setdefault(name, self.clip_level(name)) if known is None else known

    def row(self, name: str, row: int) -> Any:
        """Return a clip-level value of one clip, its array checked; text as text."""
        if self._is_later(name) or self._dataset(name).row_bytes <= NARROW:
            rows = self.kept(name)[row : row + 1].copy()
        elif name in self._checked:
            rows = self.file.read(name, row, row + 1)
        else:
            rows = self.clip_level(name)[row : row + 1].copy()
            self._checked.add(name)
        return as_text(rows)[0]

    def _dataset(self, name: str) -> Dataset:
        dataset = self.record.datasets.get(name)
        if dataset is None or not name.startswith(schema.CLIP_LEVEL):
            known = [key for key in self.record.datasets if not key.startswith(schema.FRAMES)]
            raise UnknownFieldError(
                f"{self.path} holds no clip-level field {name!r}, only {', '.join(known)}{near_miss(name, known)}"
            )
        return dataset

    @property
    def file(self) -> ShardFile:
        """The shard's file, opened when first needed."""
        # No lock, which a fork might take over held: of two threads that open it, one lets go of its own again.
        opened = self._file
        if opened is None:
            opened = self._file = self._open()
        return opened

    def _open(self) -> ShardFile:
        record, store, path = self.record, get_store(self.record.store), self.path
        try:
            if isinstance(path, UrlPath):
                path = copied(path, record) or path
            size = store.num_bytes(path)
            if size != record.num_bytes:
                raise DamagedCacheError(
                    f"{self.path}: {size} bytes, its commit record promises {record.num_bytes} "
                    f"(first clip {record.clip_ids[0]}); {WAY_OUT}"
                )
            return store.open(path, record.datasets)
        except OSError as error:
            raise DamagedCacheError(
                f"{self.path}: {error.strerror or error} (first clip {record.clip_ids[0]}); {WAY_OUT}"
            ) from None


def as_text(array: Array) -> Array:
    """Return stored text as numpy text; other arrays as they are."""
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
