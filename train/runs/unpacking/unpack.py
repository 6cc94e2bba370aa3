"""The run folder that a bundle makes up: unpacked once, aside, and gone when the program ends."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from cache.common.words import counted, in_one_line
from train.checksums import MAX_BYTES
from train.errors import RunError
from train.files import (
    CHECKSUMS_FILE,
    CONFIG_FILE,
    ENSEMBLE_FILE,
    FOLDS_FILE,
    HEAD_FILE,
    METRICS_FILE,
    PROJECTION_FILE,
    STREAM_PROJECTIONS,
)

TAKEN = (CONFIG_FILE, HEAD_FILE, METRICS_FILE, CHECKSUMS_FILE, PROJECTION_FILE, ENSEMBLE_FILE, FOLDS_FILE)
DEEPEST = 3  # parts of a name: a seed of a fold, and its file
MOST_FILES = 10_000
PIECE = 1 << 20  # bytes at once
_unpacked: dict[tuple[str, int, int], Path] = {}  # by path, time and size of the bundle


def is_bundle(path: Path) -> bool:
    """Whether a path is that of a bundle: a .zip file, or what is to be one."""
    return path.suffix == ".zip" and not path.is_dir()


def require_folder(path: Path) -> None:
    """Refuse a bundle where its run's clips, labels or predictions are needed.

    Raises:
        RunError: if ``path`` is one.
    """
    if is_bundle(path):
        raise RunError(
            f"{path}: a bundle, which holds no clip, label or prediction; give the folder of the run that it is of"
        )


def unpacked(path: Path) -> Path:
    """Return the folder of what a bundle holds of a run; one folder for all calls until the program ends.

    What its checksums say is for whoever reads the files.

    Raises:
        RunError: if it is not there, no bundle of ours, or damaged.
    """
    if not path.is_file():
        raise RunError(f"{path}: no such bundle; emi-train bundle writes one")
    about = path.stat()
    key = str(path.resolve()), about.st_mtime_ns, about.st_size
    if key not in _unpacked:
        _unpacked[key] = _unpack(path)
    return _unpacked[key]


def _unpack(path: Path) -> Path:
    aside = Path(tempfile.mkdtemp(prefix="emi-train-"))
    atexit.register(shutil.rmtree, aside, ignore_errors=True)
    folder = aside / (path.name if path.name.isprintable() else "bundle.zip")  # shown in messages
    folder.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _members(path, archive):
                _take(archive, member, folder / member.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise RunError(f"{path}: no readable bundle ({in_one_line(str(error))}); get it again") from None
    return folder


def _members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the members that make up a run; whatever else lies in the bundle stays there."""
    every = archive.infolist()
    found = [each for each in every if _is_of_a_run(each)]
    total = sum(each.file_size for each in found)
    if len(every) > MOST_FILES or total > MAX_BYTES:
        raise RunError(f"{path}: {counted(len(every), 'file')}, {total} bytes: no bundle of this program")
    if not any(PurePosixPath(each.filename).name == HEAD_FILE for each in found):
        raise RunError(f"{path}: holds no {HEAD_FILE}; expected a bundle that emi-train bundle wrote")
    return found


def _is_of_a_run(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename)
    plain = not name.is_absolute() and ".." not in name.parts and name.as_posix() == member.filename
    taken = name.name in TAKEN or name.match(STREAM_PROJECTIONS)
    return plain and taken and len(name.parts) <= DEEPEST


def _take(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path) -> None:
    """Write one file: no more bytes than the bundle says it has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, file.open("xb") as out:
        left = member.file_size
        while piece := packed.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is longer than it says")
            out.write(piece)
