"""``emi-cache export``: a cache for other tools, an npy a clip and frame field, a parquet of clip-level fields."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from cache.common import durable
from cache.common.errors import CacheError, StorageError
from cache.common.progress import OnProgress, silent
from cache.format import schema
from cache.reader import CacheReader

TABLE = "clips.parquet"
MAX_NAME = 150  # characters; file systems allow 255 bytes


def export(
    cache: Path | str,
    target: Path | str,
    fields: Sequence[str] = (),
    *,
    parquet: bool = True,
    on_progress: OnProgress = silent,
) -> int:
    """Write ``target/<frame field>/<clip>.npy`` and ``target/clips.parquet``.

    Args:
        cache: what to export; int8 fields are written as float32 numbers.
        target: a new or empty folder.
        fields: frame fields; default all.
        parquet: write the table; needs pyarrow.
        on_progress: called with clips done and in all.

    Returns:
        How many clips were written.

    Raises:
        CacheError: pyarrow is missing.
        StorageError: the folder holds files already, or cannot be written.
    """
    target = Path(target)
    if parquet:
        _pyarrow()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StorageError(f"{target} exists and is not an empty folder; choose another")
    with CacheReader(cache) as reader:
        names = list(fields) or list(reader.frame_fields)
        reader.require_fields(names)
        folders = {name: target / name.replace("/", "_") for name in names}
        with durable.storage_errors(target):
            for folder in folders.values():
                folder.mkdir(parents=True, exist_ok=True)
            for done, clip_id in enumerate(reader.clip_ids):
                for name, folder in folders.items():
                    quantised = reader.frame_fields[name].quantised
                    values = (reader.read_values if quantised else reader.read_frames)(clip_id, name)
                    np.save(folder / f"{file_name(clip_id)}.npy", values)
                on_progress(done + 1, len(reader))
            if parquet:
                _write_table(reader, target / TABLE)
        return len(reader)


def file_name(clip_id: str) -> str:
    """Return a file name for a clip id: an id never becomes a path, whatever stands in it."""
    quoted = quote(clip_id, safe=" ")
    if len(quoted) <= MAX_NAME:
        return quoted
    return f"{quoted[:100]}-{hashlib.sha256(clip_id.encode()).hexdigest()[:16]}"


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise CacheError(
            "clips.parquet needs pyarrow: pip install 'emi-fusion[export]', or leave it out with --no-parquet"
        ) from None
    return pyarrow


def _write_table(reader: CacheReader, path: Path) -> None:
    pyarrow = _pyarrow()
    ids = list(reader.clip_ids)
    columns: dict[str, Any] = {
        "clip_id": ids,
        "file": [f"{file_name(clip_id)}.npy" for clip_id in ids],
        "num_frames": [reader.num_frames(clip_id) for clip_id in ids],
    }
    wanted = (schema.CLIPS, schema.GLOBAL_MEAN)
    for name in sorted(reader.clip_level_names):
        if name.startswith(wanted) and not name.startswith((schema.CRC, "clips/clip_id")):
            table = reader.clip_table(name)
            columns[name.removeprefix(schema.CLIPS)] = list(table) if table.ndim == 2 else table.tolist()
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
