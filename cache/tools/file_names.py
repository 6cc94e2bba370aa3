"""File names for clip ids and fields that no file system takes for another, for a device, or for a path."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from urllib.parse import quote

MAX_NAME = 150  # characters; file systems allow 255 bytes
KEPT = 100  # characters of a name that is too long or not the only one
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\s*(?:\.|$)", re.IGNORECASE)  # devices of Windows
AT_AN_END = re.compile(r"^[ .]+|[ .]+$")  # hidden files; what Windows cuts off


def file_name(text: str) -> str:
    """Return a file name, without suffix, for an id: letters, digits, ``-_. `` and percent signs of ASCII.

    An id never becomes a path, whatever stands in it. Names of different ids differ, but perhaps only in upper
    and lower case: ``file_names`` tells those apart.
    """
    name = quote(text, safe=" ", errors="surrogatepass").replace("~", "%7E")  # ~1: a short name of FAT
    name = AT_AN_END.sub(lambda ends: _percent(ends.group()), name)
    if RESERVED.match(name):
        name = _percent(name[0]) + name[1:]
    return name if len(name) <= MAX_NAME else _with_hash(name, text)


def file_names(
    texts: Iterable[str], shown: Callable[[str], str] = str, taken: Collection[str] = ()
) -> dict[str, str]:
    """Return a file name for each text, no two alike where upper and lower case do not count.

    Args:
        texts: ids, or fields.
        shown: what a name is made of.
        taken: names that others have.
    """
    names = {text: file_name(shown(text)) for text in texts}
    folded = [name.casefold() for name in (*names.values(), *taken)]
    often = {name for name, count in _counts(folded).items() if count > 1}
    return {
        text: _with_hash(name, text) if name.casefold() in often else name for text, name in names.items()
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _with_hash(name: str, text: str) -> str:
    """The plus sign stands in no other name: ``quote`` escapes it."""
    return f"{name[:KEPT]}+{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _percent(letters: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in letters)
