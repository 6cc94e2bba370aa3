"""JSON documents that carry the checksum of their own text, as its last key; and older ones, which carry none.

The text stays JSON that people and other programs read. What decides a number is not parsed before the
checksum has been compared; a text without one must have exactly the keys that were written then, so that a
flipped bit in the checksum's own name does not pass for age.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import google_crc32c

from cache.common.console import escaped
from cache.common.foreign_json import ForeignJsonError, parse_json

KEY = "crc32c"
END = re.compile(rb'(?:, |,\n  )"crc32c": (0|[1-9][0-9]{0,9})\n?\}\n\Z')
END_BYTES = 40  # more than the longest end
MENDABLE_BYTES = 1 << 15  # all bits of so much text are tried in some seconds


class Document(NamedTuple):
    """A parsed text, and whether it carried its checksum."""

    value: dict[str, Any]
    has_checksum: bool


def to_bytes(document: Mapping[str, Any], indent: int | None = None) -> bytes:
    """Return a document, not empty, as JSON text whose last key is the crc32c of all text before it.

    What a terminal would obey, some readers take for the end of a line, or no UTF-8 can say, is escaped.
    """
    text = escaped(json.dumps(document, indent=indent, ensure_ascii=False)).encode()
    body = text.removesuffix(b"}").rstrip()
    before, after = (b", ", b"}\n") if indent is None else (b",\n  ", b"\n}\n")
    return body + before + f'"{KEY}": {google_crc32c.value(body)}'.encode() + after


def from_bytes(data: bytes, *, surrogates: bool = False) -> Document:
    """Read a document; ``surrogates`` as in ``parse_json``.

    Raises:
        ForeignJsonError: it is no JSON object, or not the one that was written.
    """
    if matches(data):
        return Document(parse_json(data, surrogates=surrogates), has_checksum=True)
    value = parse_json(data, surrogates=surrogates)
    if KEY in value or END.search(data, max(0, len(data) - END_BYTES)):
        raise ForeignJsonError(
            "its checksum does not match: it was changed, or damaged, after it was written"
        )
    return Document(value, has_checksum=False)


def matches(data: bytes) -> bool:
    """Say whether a text ends with the checksum of what stands before."""
    end = END.search(data, max(0, len(data) - END_BYTES))
    return end is not None and google_crc32c.value(data[: end.start()]) == int(end[1])


def mended(data: bytes) -> bytes | None:
    """Return the text that a single flipped bit has made this of; None if there is not exactly one."""
    found: list[bytes] = []
    text = bytearray(data if len(data) <= MENDABLE_BYTES else b"")
    for position in range(len(text)):
        for bit in range(8):
            text[position] ^= 1 << bit
            if matches(bytes(text)):
                found.append(bytes(text))
            text[position] ^= 1 << bit
    return found[0] if len(found) == 1 else None
