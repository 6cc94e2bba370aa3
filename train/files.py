"""The names of a run's files, and how files are written: whole or not at all."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import logging
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from cache.common.console import json_ready
from cache.common.durable import fsync_folder, local_only, storage_errors
from cache.common.table_text.cells import safe_cell
from train.errors import RunError

CONFIG_FILE, ENVIRONMENT_FILE, METRICS_FILE = "config.json", "environment.json", "metrics.json"
HEAD_FILE, CHECKPOINT_FILE = "head.safetensors", "checkpoint.safetensors"
HISTORY_FILE, REFIT_FILE = "history.csv", "refit.csv"  # epochs of a fit; of its second pass on all of train
PREDICTIONS_FILE, CLIPS_FILE = "predictions.csv", "clips.csv"
COVERAGE_FILE, AUDIT_FILE = "coverage.json", "audit.json"
CURVES_PICTURE, SCATTER_PICTURE = "learning_curves.png", "scatter.png"
CONFUSION_PICTURE = "confusion.png"
PROJECTION_FILE, ENSEMBLE_FILE, FOLDS_FILE = "projection.npz", "ensemble.json", "folds.json"
CHECKSUMS_FILE = "checksums.json"
RUN_FILES = (  # in the order in which a run that is replaced loses them
    METRICS_FILE,
    CHECKSUMS_FILE,
    CHECKPOINT_FILE,
    HEAD_FILE,
    HISTORY_FILE,
    REFIT_FILE,
    PREDICTIONS_FILE,
    CLIPS_FILE,
    COVERAGE_FILE,
    AUDIT_FILE,
    CURVES_PICTURE,
    SCATTER_PICTURE,
    CONFUSION_PICTURE,
    CONFIG_FILE,
    PROJECTION_FILE,
    ENVIRONMENT_FILE,
)

STREAM_PROJECTIONS = "projection.*.npz"  # of several streams, one each


def projection_file(stream: str = "") -> str:
    """Return the name of the projection of a run's cache, or of one of its streams."""
    return f"projection.{stream}.npz" if stream else PROJECTION_FILE


def run_files(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that a run may have in a folder, with those of its streams that are there."""
    return (*RUN_FILES, *sorted(path.name for path in folder.glob(STREAM_PROJECTIONS)))


LOG = logging.getLogger(__name__)  # shown on stderr unless a program says otherwise
LEFTOVER = ".emi-train.tmp"
LOCK = ".lock"
LOCK_PATIENCE = 5.0  # seconds: the workers of a killed ablation are gone before


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; on success it becomes ``path``, on failure it is removed.

    Raises:
        StorageError: if the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{LEFTOVER}")
    try:
        with storage_errors(path):
            aside.touch()
            mode = aside.stat().st_mode  # what the user's umask allows; safetensors would leave 0600
            yield aside
            aside.chmod(mode)
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each forced to the disk, so that a power cut does not take it away.

    Raises:
        StorageError: if it cannot be made.
    """
    with storage_errors(local_only(path)):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in reversed(missing):
            fsync_folder(folder.parent)


@contextmanager
def lock_folder(folder: Path, taken: str = "another process is at work here") -> Iterator[None]:
    """Keep a folder for this process and those forked from it; the system ends it with the process.

    Where the file system has no locks the work goes on without, and that is said.

    Args:
        folder: that exists.
        taken: what to say if another process has it.

    Raises:
        RunError: if another process has it.
    """
    last = time.monotonic() + LOCK_PATIENCE
    while (file := _locked(folder)) is None:
        if time.monotonic() > last:
            raise RunError(f"{folder}: {taken}; wait for it, or give another --out")
        time.sleep(0.1)
    with file:  # an error of the work itself is none of the lock's
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def _locked(folder: Path) -> TextIO | None:
    """Return the open file of a folder, locked where locks exist; None if another process has it."""
    with storage_errors(folder):
        file = (folder / LOCK).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError as error:
        LOG.warning(
            "%s: the file system has no locks (%s); see to it that no second command writes here meanwhile",
            folder,
            error.strerror,
        )
        return file
    try:
        if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
            return file
    except FileNotFoundError:  # its owner removed it in between
        pass
    file.close()
    return None


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed fit left half written."""
    for path in folder.glob(f".*{LEFTOVER}"):
        path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``, whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def json_text(value: Any) -> str:
    """Return ``value`` as the text of a JSON file; undefined numbers become null."""
    return json.dumps(json_ready(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON; undefined numbers become null."""
    write_text(path, json_text(value))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a comma-separated table with a header; no cell of it is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([safe_cell(value) for value in row] for row in (columns, *rows))
    return text.getvalue()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a comma-separated table with a header, whole or not at all."""
    write_text(path, csv_text(columns, rows))


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
