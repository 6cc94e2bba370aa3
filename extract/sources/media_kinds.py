"""Which files are sound or video: those called so, and those whose first bytes are, whatever they are called."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cache.common.ids import AMBIGUOUS_SUFFIXES, MEDIA_SUFFIXES, SOUND_SUFFIXES
from extract.sources.signatures import HEAD_BYTES, is_sound

SNIFFERS = 16  # files looked into at once: on a network drive each waits for an answer
AT_ONCE = 256

CALLED_SO, SOUND = "called so", "sound"  # what a file is taken for; anything else says why it is passed over
NOT_REGULAR, NO_TARGET, UNREADABLE = "no regular file", "link to nowhere", "cannot be read"


class LooksLike(NamedTuple):
    """A file, and ``CALLED_SO``, ``SOUND``, or the kind of file it is instead."""

    path: Path
    kind: str

    @property
    def is_media(self) -> bool:
        """Whether it is to be a clip."""
        return self.kind in {CALLED_SO, SOUND}


def looks_like(paths: Sequence[Path]) -> list[LooksLike]:
    """Say of every file whether it is sound or video; no more than its first bytes are read."""
    kinds = [CALLED_SO if _is_called_so(path) else "" for path in paths]
    unsure = [path for path, kind in zip(paths, kinds, strict=True) if not kind]
    with ThreadPoolExecutor(SNIFFERS, "sniff") as pool:
        try:
            parts = [unsure[start : start + AT_ONCE] for start in range(0, len(unsure), AT_ONCE)]
            found = iter([kind for part in pool.map(_kinds, parts) for kind in part])
        finally:
            pool.shutdown(cancel_futures=True)
    return [LooksLike(path, kind or next(found)) for path, kind in zip(paths, kinds, strict=True)]


def looks_like_by_name(paths: Sequence[Path]) -> list[LooksLike]:
    """Say of files behind URLs whether they are sound or video: none is fetched for that."""
    return [
        LooksLike(path, CALLED_SO if _is_called_so(path) else path.suffix.lower() or "without suffix")
        for path in paths
    ]


def is_media(path: Path) -> bool:
    """Say whether one file is sound or video, by its name or its first bytes."""
    return looks_like([path])[0].is_media


def id_text(name: str, keep_suffix: bool = False) -> str:
    """Return the text of which the one rule for ids makes the id of a file.

    That rule cuts one suffix, of those it knows. A suffix that means sound elsewhere is cut here, any other is a
    part of the name; what is left gets a suffix that the rule may cut, so that it cuts no other.

    Args:
        name: of the file, with its folders or without.
        keep_suffix: whether a suffix that the rule does not know stays.
    """
    if name.lower().endswith(MEDIA_SUFFIXES):
        return name
    stem, suffix = os.path.splitext(name)
    cut = suffix.lower() in SOUND_SUFFIXES + AMBIGUOUS_SUFFIXES and not keep_suffix
    return (stem if cut else name) + MEDIA_SUFFIXES[0]


def _is_called_so(path: Path) -> bool:
    return path.suffix.lower() in MEDIA_SUFFIXES + SOUND_SUFFIXES


def _kinds(paths: Sequence[Path]) -> list[str]:
    return [_kind(path) for path in paths]


def _kind(path: Path) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever, a device may do anything
            return NOT_REGULAR
        with path.open("rb", buffering=0) as file:
            sound = is_sound(file.read(HEAD_BYTES))
    except FileNotFoundError:
        return NO_TARGET
    except OSError:
        return UNREADABLE
    return SOUND if sound else path.suffix.lower() or "without suffix"
