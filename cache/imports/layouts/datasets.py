"""HDF5 files: a dataset a clip, or a group a clip with several datasets, of which a key names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from cache.common.types import Array
from cache.imports.layouts.trees import FEATURES
from cache.imports.part import Part, refused
from cache.imports.values import UnreadableError, Values, in_file, require_numbers

MAX_DATASETS = 5_000_000
EVERY = "*"  # a key: every dataset is a clip


def parts(path: Path, key: str | None = None) -> Iterator[Part]:
    """Yield the clips of a file. Links inside it are not followed, and nothing outside it is read.

    Raises:
        UnreadableError, OSError: nothing of it can be taken.
    """
    found: dict[str, Part] = {}
    try:
        size = path.stat().st_size
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: _visit(path, size, name, item, found))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename:
            raise
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"damaged: no HDF5 file ({' '.join(str(error).split())[:120]})") from None
    yield from _of_clips(found, key)


def _visit(path: Path, size: int, name: str, item: Any, found: dict[str, Part]) -> None:
    if isinstance(item, h5py.Dataset):
        if len(found) >= MAX_DATASETS:
            raise UnreadableError(f"more than {MAX_DATASETS} datasets; divide the file")
        try:
            found[name] = Part(name, _values(path, size, name, item))
        except UnreadableError as error:
            found[name] = Part(name, None, error)
        except (TypeError, RuntimeError, ValueError, OSError) as error:
            found[name] = refused(name, f"damaged: {' '.join(str(error).split())[:120]}")


def _values(path: Path, size: int, name: str, item: Any) -> Values:
    if item.external or item.is_virtual:
        raise UnreadableError("a dataset whose numbers lie in another file, which is not opened")
    if item.shape is None:
        raise UnreadableError("an empty dataset", "no_frames")
    require_numbers(item.dtype)
    begin = item.id.get_offset()  # None where it is in chunks
    if begin is not None:
        return in_file(path, begin, item.shape, item.dtype, size)
    return Values(item.shape, item.dtype, lambda: _read(path, name))


def _read(path: Path, name: str) -> Array:
    try:
        with h5py.File(path, "r") as file:
            values: Array = file[name][()]
            return values
    except (OSError, RuntimeError, KeyError) as error:
        raise UnreadableError(f"damaged: {' '.join(str(error).split())[:120]}") from None


def _of_clips(found: dict[str, Part], key: str | None) -> Iterator[Part]:
    """Yield the datasets as clips: where groups have several, a key says which; then the group is the id."""
    inside = bool(found) and all("/" in name for name in found)
    if key is None and inside:
        key = _shared_key(found)
    if key is None or key == EVERY:
        yield from found.values()
        return
    chosen = {name: part for name, part in found.items() if name.rpartition("/")[2] == key}
    if not chosen:
        raise UnreadableError(f"no dataset {key!r}, found {_some({n.rpartition('/')[2] for n in found})}")
    groups = {name: name.rpartition("/")[0] for name in chosen}
    # A computational sequence of the CMU SDK: its own name, data, then the clips.
    is_sequence = all(
        group.split("/")[1:2] == ["data"] and group.count("/") >= 2 for group in groups.values()
    )
    for name, part in chosen.items():
        group = groups[name].split("/", 2)[2] if is_sequence else groups[name]
        yield Part(group or None, part.values, part.problem)


def _shared_key(found: dict[str, Part]) -> str | None:
    """Return the name that the features have in every group; None where every dataset is a clip."""
    names = {name.rpartition("/")[2] for name in found}
    features = [each for each in names if each.lower() in FEATURES]
    if len(features) == 1:
        return features[0]
    if len(names) == 1 and len(found) > 1:
        return next(iter(names))
    widths = {part.values.shape[-1:] for part in found.values() if part.values}
    if len(names) < len(found) and len(widths) > 1:
        raise UnreadableError(
            f"groups of {_some(names)}; say with --key which are the features, "
            f"or --key '{EVERY}' that all are clips"
        )
    return None


def _some(names: set[str]) -> str:
    return ", ".join([*sorted(names)[:6], *(["…"] if len(names) > 6 else [])]) or "none"
