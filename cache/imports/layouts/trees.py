"""Nested dicts and lists of arrays, as pickles and torch files hold them, understood as the features of clips.

``{id: array}``; ``{id: {name: array}}``, of which a key names the array; ``{split: {id: array}}``; and MMSA's
``{split: {"id": ids, "text": (clips, frames, width), "audio": …, "audio_lengths": …}}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.tables import split_in_name
from cache.imports.part import Part, refused
from cache.imports.pickles.parts import Bytes
from cache.imports.pickles.read import read_pickle
from cache.imports.values import UnreadableError, Values, of_array

IDS = ("id", "ids", "clip_id", "clip_ids")
FEATURES = (
    "features",
    "feature",
    "feats",
    "feat",
    "x",
)  # what one calls the array of a clip beside its label
NAMED = 6  # keys in a message
MAX_NUMBERS = 50_000_000  # of a nested list


def parts(path: Path, key: str | None = None) -> Iterator[Part]:
    """Yield the clips of a pickle or a torch file.

    Raises:
        UnreadableError, OSError: nothing of it can be taken.
    """
    yield from clips_in(read_pickle(path), key)


def clips_in(value: Any, key: str | None) -> Iterator[Part]:
    """Yield the clips of a value: arrays, or dicts and lists that hold them.

    Raises:
        UnreadableError: it is laid out in no way that is known.
    """
    if isinstance(value, dict):
        names = {_text(name): each for name, each in value.items()}
        if (
            names
            and all(split_in_name(name) == name for name in names)
            and all(isinstance(each, dict) for each in names.values())
        ):
            for each in names.values():
                yield from clips_in(each, key)
        elif any(name in names for name in IDS) and _ids_of(names) is not None:
            yield from _stacked(names, key)
        else:
            yield from _named(names, key)
        return
    if isinstance(value, list) and value and all(isinstance(v, dict | tuple) for v in value):
        yield from _listed(value, key)
        return
    array = _array(value)
    if array is None:
        raise UnreadableError(f"holds {_kind(value)}, expected an array or a dict of clips")
    yield Part(None, array)


def _named(names: Mapping[str, Any], key: str | None) -> Iterator[Part]:
    """Yield the clips of ``{id: array}`` and ``{id: {name: array}}``, or the one of ``{name: array}``."""
    arrays = {name: _array(each) for name, each in names.items() if not isinstance(each, dict)}
    if key is not None and key in arrays:
        yield _part(None, arrays[key], names[key])
        return
    wide = [name for name, each in arrays.items() if each is not None and each.shape]
    if len(wide) == 1 and wide[0].lower() in FEATURES and key is None:  # a clip with its label, say
        yield Part(None, arrays[wide[0]])
        return
    for name, each in names.items():
        if isinstance(each, dict):
            yield _of_clip(name, each, key)
        elif key is not None:
            yield refused(name, f"no {key!r} in it, found {_kind(each)}")
        else:
            yield _part(name, arrays[name], each)


def _part(name: str | None, array: Values | None, found: Any) -> Part:
    return refused(name, f"holds {_kind(found)}, expected an array") if array is None else Part(name, array)


def _of_clip(name: str, held: Mapping[Any, Any], key: str | None) -> Part:
    """Return the features of a clip that has several entries."""
    entries = {_text(each): value for each, value in held.items()}
    arrays = {each: array for each, value in entries.items() if (array := _array(value)) is not None}
    if key is not None:
        return (
            _part(name, arrays.get(key), entries[key])
            if key in entries
            else refused(name, f"no {key!r} in it, found {_some(entries)}")
        )
    wide = {each: array for each, array in arrays.items() if array.shape}
    chosen = [each for each in wide if each.lower() in FEATURES] or list(wide)
    if len(chosen) != 1:
        return refused(name, f"found {_some(entries)}; say with --key which of them are the features")
    return Part(name, wide[chosen[0]])


def _ids_of(names: Mapping[str, Any]) -> list[str] | None:
    held = next(names[name] for name in IDS if name in names)
    return [_text(each) for each in held] if isinstance(held, list | tuple) else None


def _stacked(names: Mapping[str, Any], key: str | None) -> Iterator[Part]:
    """Yield the clips of arrays (clips, frames, width) beside their ids, padding cut off by lengths if given."""
    ids = _ids_of(names) or []
    arrays = {
        name: array
        for name, each in names.items()
        if not isinstance(each, list) or name == key
        if (array := _array(each)) is not None and len(array.shape) >= 2 and array.shape[0] == len(ids)
    }
    if key is None and len(arrays) != 1:
        raise UnreadableError(
            f"found {_some(arrays)} of {len(ids)} clips; say with --key which are the features"
        )
    array = arrays.get(key if key is not None else next(iter(arrays)))
    if array is None:
        raise UnreadableError(f"no array {key!r} of {len(ids)} clips, found {_some(arrays)}")
    name = next(name for name, each in arrays.items() if each is array)
    lengths = _lengths(names.get(f"{name}_lengths"), len(ids))
    for number, clip_id in enumerate(ids):
        row = array.row(number)
        if lengths and not 0 <= lengths[number] <= row.shape[0]:
            yield refused(
                clip_id, f"{name}_lengths says {lengths[number]} frames, the array has {row.shape[0]}"
            )
        else:
            yield Part(clip_id, row.rows(0, lengths[number]) if lengths else row)


def _lengths(held: Any, count: int) -> list[int] | None:
    if held is None:
        return None
    array = _array(held)
    numbers = array.load().reshape(-1) if array is not None and array.dtype.kind in "iuf" else np.zeros(0)
    if len(numbers) != count or not (numbers == numbers.astype(np.int64)).all():
        raise UnreadableError(f"lengths of {len(numbers)} clips, expected {count} whole numbers")
    return [int(number) for number in numbers]


def _listed(items: Sequence[Any], key: str | None) -> Iterator[Part]:
    """Yield the clips of ``[(id, array), …]`` and ``[{"id": …, "features": …}, …]``."""
    for number, item in enumerate(items):
        match item:
            case (str() | int() | Bytes() as name, dict() as held):
                yield _of_clip(_text(name), held, key)
            case (str() | int() | Bytes() as name, each):
                yield _part(_text(name), _array(each), each)
            case dict():
                entries = {_text(each): value for each, value in item.items()}
                ids = [each for each in IDS if isinstance(entries.get(each), str | int)]
                if not ids:
                    raise UnreadableError(f"entry {number} has no id, found {_some(entries)}")
                yield _of_clip(_text(entries.pop(ids[0])), entries, key)
            case _:
                raise UnreadableError(f"entry {number} is {_kind(item)}, expected an id and an array")


def _array(value: Any) -> Values | None:
    """Return an array, or a nested list of numbers as one; None for anything else."""
    if isinstance(value, Values):
        return value
    if not isinstance(value, list | tuple) or not value:
        return None
    if _count(value, MAX_NUMBERS) > MAX_NUMBERS:
        raise UnreadableError("a nested list of more numbers than memory is for; save an array")
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    return of_array(array) if array.dtype.kind in "fiub" and array.ndim <= 3 else None


def _count(value: Any, most: int, depth: int = 0) -> int:
    """Return how many numbers nested lists hold, or more than ``most`` where they are too many."""
    if not isinstance(value, list | tuple) or depth > 3:
        return 0
    if not value or not isinstance(value[0], list | tuple):
        return len(value)
    count = 0
    for each in value:
        count += 1 + _count(each, most - count, depth + 1)
        if count > most:
            break
    return count


def _text(name: Any) -> str:
    """Return a key as text: numbers stay what they are, bytes are text of old pickles."""
    if isinstance(name, Bytes):
        return name.read().decode("utf-8", "replace")
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise UnreadableError(f"an id that is {_kind(name)}, expected text")
    return str(name)


def _kind(value: Any) -> str:
    if isinstance(value, Values):
        return f"an array {value.shape}"
    kinds = {str: "text", bool: "a truth value", int: "a number", float: "a number", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__.lower()}")


def _some(names: Mapping[str, Any]) -> str:
    shown = [name[:40] for name in list(names)[:NAMED]]
    return ", ".join([*shown, "…"] if len(names) > NAMED else shown) or "nothing"
