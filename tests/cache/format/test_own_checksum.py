"""A document that carries its checksum: still JSON, and no flipped bit in it passes."""

from __future__ import annotations

import json

import google_crc32c
import pytest

from cache.common.foreign_json import ForeignJsonError
from cache.format import own_checksum
from cache.format.json_values import require_keys

DOCUMENT = {"format": "ä", "number": 12.0, "rows": [1, {"crc32c": 7}], "last": 1}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_reads_back_and_stays_json(indent) -> None:
    data = own_checksum.to_bytes(DOCUMENT, indent)
    assert own_checksum.from_bytes(data) == (json.loads(data), True)
    body = data[: data.rindex(b'"crc32c"')].rstrip().removesuffix(b",")
    assert json.loads(data) == {**DOCUMENT, "crc32c": google_crc32c.value(body)}
    text = json.dumps(DOCUMENT, indent=indent, ensure_ascii=False).encode() + b"\n"
    assert own_checksum.from_bytes(text) == (DOCUMENT, False)
    assert body == text.rstrip().removesuffix(b"}").rstrip(), "an earlier version's text, and one key more"


@pytest.mark.parametrize("indent", [None, 2])
def test_no_flipped_bit_passes_not_even_for_an_older_document(indent) -> None:
    data = bytearray(own_checksum.to_bytes(DOCUMENT, indent))
    for position in range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            with pytest.raises(ValueError):  # noqa: PT011 - which of them depends on the bit
                read(bytes(data))
            data[position] ^= 1 << bit


def read(data: bytes) -> None:
    """As the readers of a cache do."""
    value, has_checksum = own_checksum.from_bytes(data)
    require_keys(value, DOCUMENT.keys(), exactly=not has_checksum)


def test_a_changed_document_says_so() -> None:
    data = own_checksum.to_bytes(DOCUMENT).replace(b"12.0", b"13.0")
    with pytest.raises(ForeignJsonError, match="checksum does not match"):
        own_checksum.from_bytes(data)
    with pytest.raises(ForeignJsonError, match="nested"):
        own_checksum.from_bytes(b"[" * 100_000)


def test_one_flipped_bit_is_mended_and_nothing_else() -> None:
    data = own_checksum.to_bytes(DOCUMENT, 2)
    for position in (0, 17, len(data) - 4, len(data) - 1):
        flipped = bytearray(data)
        flipped[position] ^= 4
        assert own_checksum.mended(bytes(flipped)) == data
        flipped[3] ^= 1
        flipped[9] ^= 1
        assert own_checksum.mended(bytes(flipped)) is None
    assert own_checksum.mended(b"x" * (own_checksum.MENDABLE_BYTES + 1)) is None
