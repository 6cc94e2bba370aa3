"""``emi-cache export``: a cache for other tools, an npy a clip and frame field, a parquet of clip-level fields."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import numpy as np

from cache.common import durable
from cache.common.errors import CacheError, StorageError
from cache.common.progress import OnProgress, silent
from cache.common.table_text.cells import safe_cell
from cache.format import schema
from cache.reader import CacheReader
from cache.tools.file_names import file_names

TABLE, PLAIN_TABLE = "clips.parquet", "clips.csv"


def export(
    cache: Path | str,
    target: Path | str,
    fields: Sequence[str] = (),
    *,
    parquet: bool = True,
    on_progress: OnProgress = silent,
) -> int:
    """Write ``target/<frame field>/<clip>.npy`` and ``target/clips.parquet``, which names the file of each clip.

    Every file is made, none is ever replaced.

    Args:
        cache: what to export; int8 fields are written as float32 numbers.
        target: a new or empty folder.
        fields: frame fields; default all.
        parquet: write the table, which needs pyarrow; without, ``clips.csv`` has no more than the file names.
        on_progress: called with clips done and in all.

    Returns:
        How many clips were written.

    Raises:
        CacheError: pyarrow is missing.
        StorageError: the folder holds files already, or cannot be written.
    """
    target = durable.local_only(Path(target))
    if parquet:
        _pyarrow()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StorageError(f"{target} exists and is not an empty folder; choose another")
    with CacheReader(cache) as reader:
        names = list(fields) or list(reader.frame_fields)
        reader.require_fields(names)
        shown = file_names(names, lambda name: name.replace("/", "_"), taken=(TABLE, PLAIN_TABLE))
        folders = {name: target / folder for name, folder in shown.items()}
        files = {clip_id: f"{name}.npy" for clip_id, name in file_names(reader.clip_ids).items()}
        with durable.storage_errors(target):
            target.mkdir(parents=True, exist_ok=True)
            for folder in folders.values():
                folder.mkdir()
        for done, clip_id in enumerate(reader.clip_ids):
            for name, folder in folders.items():
                quantised = reader.frame_fields[name].quantised
                values = (reader.read_values if quantised else reader.read_frames)(clip_id, name)
                with _new_file(folder / files[clip_id]) as file:
                    np.save(file, values, allow_pickle=False)
            on_progress(done + 1, len(reader))
        with _new_file(target / (TABLE if parquet else PLAIN_TABLE)) as file:
            (_write_table if parquet else _write_plain_table)(reader, files, file)
        return len(reader)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Make a file that does not exist; where case does not count, one of another name may be in the way."""
    with durable.storage_errors(path), path.open("xb") as file:
        yield file


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise CacheError(
            "clips.parquet needs pyarrow: pip install 'emi-fusion[export]', or leave it out with --no-parquet"
        ) from None
    return pyarrow


def _write_plain_table(_: CacheReader, files: Mapping[str, str], file: IO[bytes]) -> None:
    with TextIOWrapper(file, encoding="utf-8", newline="") as text:
        rows = ([safe_cell(clip_id), name] for clip_id, name in files.items())
        csv.writer(text, lineterminator="\n").writerows([["clip_id", "file"], *rows])


def _write_table(reader: CacheReader, files: Mapping[str, str], file: IO[bytes]) -> None:
    pyarrow = _pyarrow()
    ids = list(reader.clip_ids)
    columns: dict[str, Any] = {
        "clip_id": ids,
        "file": [files[clip_id] for clip_id in ids],
        "num_frames": [reader.num_frames(clip_id) for clip_id in ids],
    }
    wanted = (schema.CLIPS, schema.GLOBAL_MEAN)
    for name in sorted(reader.clip_level_names):
        if name.startswith(wanted) and not name.startswith((schema.CRC, "clips/clip_id")):
            table = reader.clip_table(name)
            columns[name.removeprefix(schema.CLIPS)] = list(table) if table.ndim == 2 else table.tolist()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
