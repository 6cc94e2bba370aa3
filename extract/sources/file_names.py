"""File names as text that can be stored and printed, and what is to be done about those that are no clip ids."""

from __future__ import annotations

import os
from pathlib import Path

from cache.commit.failures import Failure


def shown_path(path: Path, folder: Path) -> str:
    """Return the path relative to its folder, as text that any file name has; see ``readable``."""
    return readable(path.relative_to(folder).as_posix())


def readable(name: str) -> str:
    r"""Return a name with bytes that are not UTF-8 and letters that do not print as ``\xe9`` or ``\u2028``."""
    if name.isprintable():
        return name
    text = os.fsencode(name).decode("utf-8", "backslashreplace") if _is_of_bytes(name) else name
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def bad_name(path: Path, folder: Path) -> Failure:
    """Return the ledger's entry for a file whose name cannot be a clip id."""
    shown = shown_path(path, folder)
    why = "its name, or that of a folder it is in, "
    if not _is_utf8(str(path.relative_to(folder))):
        why += "is not UTF-8"
    elif not str(path.relative_to(folder)).isprintable():
        why += "holds control characters"
    else:
        why += "is no clip id"
    return Failure(shown, shown, "source", "bad_name", f"{why}; rename it and run again")


def _is_of_bytes(name: str) -> bool:
    """Say whether a name is one that the system gave: half a pair of surrogates in a table is none."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
