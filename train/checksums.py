"""Checksums of the files of runs and studies: written last with them, checked by whoever reads one of them.

A run folder holds ``checksums.json``: for each of its files the sha256 of its bytes. Files that sum up others
(``results.json`` of a study, ``ensemble.json``, ``folds.json``) are sealed: they hold a checksum of themselves, and
those of what is read with them; the ``checksums.json`` beside a study is of its tables for people. Older folders
have neither; they are read as they are, and that is said once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cache.common.console import json_ready
from cache.common.durable import fsync_folder, read_regular, storage_errors
from cache.common.foreign_json import ForeignJsonError, parse_json
from train.errors import RunError
from train.files import (
    CHECKPOINT_FILE,
    CHECKSUMS_FILE,
    LOG,
    METRICS_FILE,
    json_text,
    run_files,
    sha256,
    write_json,
    write_text,
)

SEAL = "sha256"  # key of a sealed file's own checksum
FILES = "files"  # key of the checksums of others
MAX_BYTES = 1 << 33  # the method's full head takes 85 MB, its checkpoint 340
WAY_OUT = "restore it from a copy, or make it again"
_said: list[Path] = []


def finish_run(folder: Path, metrics: Mapping[str, Any], files: Sequence[str] = ()) -> None:
    """Write the checksums of the files of a run, or of another folder, then ``metrics.json``, which finishes it.

    Everything before is on the disk by then: after a power cut there is no ``metrics.json`` without its head.
    """
    text = json_text(metrics)
    written = files or run_files(folder)
    names = [name for name in written if name not in (METRICS_FILE, CHECKSUMS_FILE, CHECKPOINT_FILE)]
    sums = {name: [sha256(folder / name)] for name in names if (folder / name).exists()}
    _write_sums(folder, {**sums, METRICS_FILE: [_sha256(text)]})
    _force(folder)
    write_text(folder / METRICS_FILE, text)
    _force(folder)


def replace_listed(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace files of a finished run together with their checksums; an older run, without any, gets none.

    Args:
        folder: of the run.
        texts: name of each file → what it is to hold.
    """
    if has_checksums(folder):
        write_listed(folder, texts)
        return
    for name, text in texts.items():
        write_text(folder / name, text)
    _force(folder)


def write_listed(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files of a folder together with their checksums.

    Stopped at any instant, every file is one that the checksums know: both old and new count meanwhile.

    Args:
        folder: of a run or a study.
        texts: name of each file → what it is to hold.
    """
    sums = _sums_of(folder) or {}
    coming = {name: _sha256(text) for name, text in texts.items()}
    _write_sums(folder, {**sums, **{name: [*sums.get(name, []), new] for name, new in coming.items()}})
    _force(folder)
    for name, text in texts.items():
        write_text(folder / name, text)
    _force(folder)
    _write_sums(folder, {**sums, **{name: [new] for name, new in coming.items()}})


def checksums_text(contents: Mapping[str, bytes]) -> str:
    """Return what ``checksums.json`` says of files that hold ``contents``."""
    return json_text(sealed({FILES: {name: [_sha256(data)] for name, data in sorted(contents.items())}}))


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with a checksum of itself."""
    ready: dict[str, Any] = json_ready(dict(values))
    return {**ready, SEAL: _seal(ready)}


def write_sealed(path: Path, values: Mapping[str, Any], beside: tuple[str, ...] = ()) -> None:
    """Write a JSON object with a checksum of itself and those of the files named ``beside`` it."""
    sums = {name: sha256(path.parent / name) for name in beside}
    write_json(path, sealed({**values, FILES: sums} if sums else values))


def read_json(path: Path, expected: type = dict) -> Any:
    """Return the JSON value in a file of a run, once the run's checksum was found to be right.

    Raises:
        RunError: if the file is missing, not JSON of that kind, or not what its checksum says.
    """
    return _parsed(verified(path), expected)


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that ``write_sealed`` wrote, or an older version without a checksum.

    Raises:
        RunError: if the file is missing, no JSON object, or not what its own checksum says.
    """
    values = _parsed(verified(path), dict)
    is_sealed = SEAL in values or any(
        _is_sha256(value) for value in values.values()
    )  # its name may be damaged
    say_unchecked(path.parent, has=is_sealed)
    return _opened(values, path) if is_sealed else values


def verified(path: Path, accepted: object = None) -> Path:
    """Return the path of a regular file whose bytes are what the checksums say.

    Args:
        path: of the file.
        accepted: its sha256 where another file than ``checksums.json`` names it.

    Raises:
        RunError: if it is missing, no regular file, or holds other bytes.
    """
    require_regular(path)
    known = [accepted] if accepted is not None else (_sums_of(path.parent) or {}).get(path.name)
    if known is not None:
        _require_bytes(path, known)
    return path


def verify_run(folder: Path) -> None:
    """Check every file of a run that has a checksum, also those that nothing else reads; pictures may be gone.

    Raises:
        RunError: if one holds other bytes.
    """
    for name, known in (_sums_of(folder) or {}).items():
        if (folder / name).exists():
            require_regular(folder / name)
            _require_bytes(folder / name, known)


def say_unchecked(folder: Path, has: bool) -> None:
    """Say, once in a process, that what is read there carries no checksums; nothing if it ``has`` them."""
    if not has and not _said:
        _said.append(folder)
        LOG.warning(
            "note: %s carries no checksums, as older versions wrote none: what it holds is taken as it is",
            folder,
        )


def has_checksums(folder: Path) -> bool:
    """Whether a run folder carries checksums."""
    return (folder / CHECKSUMS_FILE).exists()


def require_regular(path: Path) -> None:
    """Refuse what is missing, a link, a device, a pipe, or larger than any file of a run.

    Raises:
        RunError: naming it.
    """
    try:
        status = os.lstat(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        raise RunError(f"{path}: is no regular file, or a huge one; put a copy of the file itself there")


@contextmanager
def known_fields(path: Path, what: str) -> Iterator[None]:
    """Turn a field that is missing or of another kind, while values of a file are taken apart, into one line.

    Raises:
        RunError: saying that ``path`` is not ``what``.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, RunError):
            raise
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise RunError(f"{path}: not {what} that this version knows ({reason})") from None


def _require_bytes(path: Path, known: Sequence[object]) -> None:
    if sha256(path) not in known:
        raise RunError(f"{path}: does not hold the bytes that its checksum was made of; {WAY_OUT}")


def _sums_of(folder: Path) -> dict[str, list[str]] | None:
    """Return name → accepted checksums of a folder's files; None if it carries none.

    Raises:
        RunError: if its checksums are damaged themselves.
    """
    path = folder / CHECKSUMS_FILE
    if not path.exists() and not path.is_symlink():
        return None
    require_regular(path)
    with known_fields(path, "a file of checksums"):
        files = dict(_opened(_parsed(path, dict), path)[FILES])
        sums = {str(name): [str(each) for each in accepted] for name, accepted in files.items()}
        if any("/" in name for name in sums):
            raise ValueError("it names files of other folders")
    return sums


def _opened(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the content of a sealed object."""
    seal = values.pop(SEAL, None)
    if seal != _seal(values):
        raise RunError(f"{path}: does not hold what its own checksum says; {WAY_OUT}")
    return values


def _parsed(path: Path, expected: type) -> Any:
    try:
        return parse_json(read_regular(path), expected)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    except ForeignJsonError as error:
        raise RunError(f"{path}: {error}") from None


def _write_sums(folder: Path, sums: Mapping[str, list[str]]) -> None:
    write_json(folder / CHECKSUMS_FILE, sealed({FILES: sums}))


def _force(folder: Path) -> None:
    with storage_errors(folder):
        fsync_folder(folder)


def _seal(values: Mapping[str, Any]) -> str:
    """Return the checksum of a JSON object: of its values, whatever white space and order they are written in."""
    return _sha256(json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False))


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _sha256(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
