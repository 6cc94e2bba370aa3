"""From sources to entries: the files of a folder, what each holds, and which clip that is."""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cache.commit.failures import Failure
from cache.common.errors import CacheError, TableError
from cache.common.ids import clip_id_from_text, clip_id_of_file
from cache.common.progress import OnProgress, silent
from cache.common.tables import split_in_name
from cache.common.words import in_one_line
from cache.format.catalog import DESCRIPTION
from cache.imports.entry import STAGE, Entry, Sources
from cache.imports.options import ImportOptions
from cache.imports.part import Part, refused
from cache.imports.registry import LAYOUTS, SUFFIXES, layout_of
from cache.imports.values import UnreadableError

TEXT = "csv"  # beside files of other layouts such tables hold labels, not features


@dataclass(frozen=True)
class _File:
    """A file of a source; ``problem``: why it is not opened."""

    path: Path
    shown: str
    layout: str
    in_folder: bool
    problem: str | None = None


def find_all(paths: Sequence[Path], options: ImportOptions, on_progress: OnProgress = silent) -> Sources:
    """Find the clips of files and folders; no features are read yet, except where only they say how long a clip is.

    Args:
        paths: of files or folders.
        options: the layout and key that are asked for, and what becomes of split folders.
        on_progress: called with the files done and in all.

    Raises:
        CacheError: a source does not exist, or none holds features.
    """
    found, passed = [], 0
    for path in paths:
        files, others = _files_of(path, options.layout)
        found.append(files)
        passed += others
    if not any(found):
        shown = ", ".join(map(str, paths))
        raise CacheError(
            f"{shown}: no files of features ({passed} others); expected {', '.join(SUFFIXES)}"
            f"{'' if options.layout is None else f' of layout {options.layout}'}"
        )
    total, done = sum(map(len, found)), 0
    entries: list[Entry] = []
    failures: list[Failure] = []
    for files in found:
        parts = []
        for file in files:
            parts.append((file, _parts(file, options)))
            done += 1
            on_progress(done, total)
        for file, part in _named(parts):
            _take(file, part, options, entries, failures)
    layouts = Counter(file.layout for files in found for file in files)
    return Sources(*_unique(entries, failures), dict(layouts), passed)


def _files_of(source: Path, wanted: str | None) -> tuple[list[_File], int]:
    """Return the files of a source that may hold features, and how many others there are."""
    if not source.is_dir():
        if not source.exists():
            raise CacheError(f"{source}: no such file or folder; name what holds the features")
        layout = wanted or layout_of(source)
        if layout is None:
            raise CacheError(
                f"{source}: found {source.suffix or 'no suffix'}, expected {', '.join(SUFFIXES)}"
            )
        return [_File(source, source.name, layout, False, _why_not(source, source.parent, trusted=True))], 0
    if (source / DESCRIPTION).exists():
        raise CacheError(f"{source} is a cache already; emi-cache merge joins caches")
    files, passed = [], 0
    for path in _visible(source):
        layout = layout_of(path)
        if layout is None or wanted not in (None, layout):
            passed += 1
            continue
        shown = path.relative_to(source).as_posix()
        files.append(_File(path, shown, layout, True, _why_not(path, source)))
    binary = [file for file in files if file.layout != TEXT]
    if binary and wanted is None:
        return binary, passed + len(files) - len(binary)
    return files, passed


def _visible(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_refuse):
        if DESCRIPTION in names:  # what an import wrote beside its source is no source
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        yield from (Path(root, name) for name in sorted([*names, *linked]) if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise CacheError(f"{error.filename}: cannot be read ({error.strerror})")


def _why_not(path: Path, root: Path, trusted: bool = False) -> str | None:
    """Say why a file is not opened: it is a link that leads out of the source, or none of bytes on a disk."""
    try:
        if not trusted and path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            return "a link that leads out of the folder; name what it leads to as a source of its own"
        if not stat.S_ISREG(path.stat().st_mode):
            return "no file"
    except (OSError, RuntimeError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or 'a circle of links'})"
    return None


def _parts(file: _File, options: ImportOptions) -> list[Part]:
    if file.problem is not None:
        return [refused(None, file.problem)]
    try:
        return list(LAYOUTS.get(file.layout)(file.path, options.key))
    except UnreadableError as error:
        if not file.in_folder:
            raise CacheError(f"{file.path}: {error}") from None
        return [Part(None, None, error)]
    except OSError as error:
        if not file.in_folder:
            raise CacheError(f"{file.path}: cannot be read ({error.strerror or error})") from None
        return [refused(None, f"cannot be read ({error.strerror or error})")]


def _named(parts: Iterable[tuple[_File, list[Part]]]) -> Iterator[tuple[_File, Part]]:
    """Yield the parts of a source; where each of its files has one of the same name, the file is the clip."""
    parts = list(parts)
    keys = {part.key for _, held in parts for part in held if part.problem is None}
    alike = len(parts) > 1 and len(keys) == 1 and all(len(held) == 1 for _, held in parts)
    for file, held in parts:
        yield from ((file, replace(part, key=None) if alike else part) for part in held)


def _take(
    file: _File, part: Part, options: ImportOptions, entries: list[Entry], failures: list[Failure]
) -> None:
    text, clip_id = _clip_id(file, part.key, options)
    if part.values is None:
        problem = part.problem or UnreadableError("nothing in it")
        failures.append(Failure(clip_id or text, file.shown, STAGE, problem.reason, str(problem)))
    elif clip_id is None:
        message = f"{in_one_line(text)[:200]!r} is no clip id: expected text such as 00042 or sub/00042"
        shown = in_one_line(text)[:200] or f"(no name) in {file.shown}"
        failures.append(Failure(shown, file.shown, STAGE, "bad_name", message))
    else:
        entries.append(Entry(clip_id, part.values, file.path, file.shown))


def _clip_id(file: _File, key: str | None, options: ImportOptions) -> tuple[str, str | None]:
    """Return what names a clip, and the id that it means; None where it can mean none."""
    try:
        if key is not None:
            key.encode()
            return key, clip_id_from_text(key)
        text = file.shown[: -len(file.path.suffix)] if file.path.suffix else file.shown
        text.encode()
        split, _, rest = text.partition("/")
        if rest and split_in_name(split) and not options.keep_folders:
            text = rest
        return text, clip_id_of_file(text)
    except (TableError, UnicodeEncodeError):
        return key if key is not None else file.shown, None


def _unique(
    entries: Sequence[Entry], failures: list[Failure]
) -> tuple[tuple[Entry, ...], tuple[Failure, ...]]:
    """Take no clip of which there are two entries: nothing says which of them counts."""
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_id[entry.clip_id].append(entry)
    broken = {failure.clip_id: failure.path for failure in failures}
    for clip_id, held in by_id.items():
        also = [broken[clip_id]] if clip_id in broken else []
        shown = sorted([*(entry.shown for entry in held), *also])
        if len(shown) > 1:
            places = " and ".join(shown[:3])
            message = f"{len(shown)} entries of one id: {places}; keep one"
            message += ", or --keep-folders where they are of two splits"
            failures.append(Failure(clip_id, held[0].shown, STAGE, "duplicate", message))
    kept = (held[0] for _, held in sorted(by_id.items()) if len(held) == 1 and held[0].clip_id not in broken)
    return tuple(kept), tuple(sorted(failures, key=lambda failure: failure.clip_id))
