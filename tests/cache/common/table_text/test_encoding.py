"""What a table's bytes are is said by name, and only line feeds end a line."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from cache.common.table_text.encoding import lines_of, text_of

TEXT = "clip_id,Joy\r\n1,0.5\r\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_named(encoding) -> None:
    with pytest.raises(TableError, match=r"a\.csv: UTF-16 text .*save the table as CSV UTF-8"):
        text_of(TEXT.encode(encoding), "a.csv")


def test_another_encoding_shows_the_byte_and_its_letter() -> None:
    with pytest.raises(TableError, match=r"byte 3 is 0xe9, 'é' in Windows-1252"):
        text_of(b"caf\xe9,1\n", "a.csv")
    with pytest.raises(TableError, match=r"byte 0 is 0x80\)"):
        text_of(b"\x80\x81\n", "a.csv")


def test_a_byte_order_mark_is_no_text() -> None:
    assert text_of(b"\xef\xbb\xbfid\n", "a.csv") == "id\n"


def test_only_line_feeds_end_a_line() -> None:
    odd = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei"
    assert lines_of(f"{odd}\r\n{odd}\nx") == [f"{odd}\r\n", f"{odd}\n", "x"]
    assert lines_of("a\n") == ["a\n"]
    assert lines_of("") == []


def test_a_carriage_return_alone_ends_lines_where_nothing_else_does() -> None:
    assert lines_of(text_of(b"id\r1\r2", "a.csv")) == ["id\n", "1\n", "2"]
    assert text_of(b"id\na\rb\n", "a.csv") == "id\na\rb\n"
