"""Numbers as people read them."""

from __future__ import annotations

import pytest

from cache.common.words import clock, counted, in_markdown, in_one_line, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (counted(1, "clip"), "1 clip"),
        (counted(0, "clip"), "0 clips"),
        (counted(24, "held-out clip"), "24 held-out clips"),
        (size(5_600_000), "5.60 MB"),
        (size(99_999_999), "100.00 MB"),
        (size(1_234_000_000), "1.234 GB"),
        (clock(0.4), "0:00"),
        (clock(123), "2:03"),
        (clock(3723.4), "1:02:03"),
        (clock(-5), "0:00"),
        (in_one_line("a \r\n b\tc"), "a b\\tc"),
        (in_one_line("\x1b[31m\x9b\u202e\u2028"), "\\x1b[31m\\x9b\\u202e\\u2028"),
        (in_one_line("Müller 山田"), "Müller 山田"),
        (in_markdown("lr 0.1, x_y [a] < 1 & 2"), "lr 0.1, x_y [a] < 1 & 2"),
        (in_markdown("_a_ [b](c) <i> &amp;"), "\\_a\\_ [b\\](c) \\<i> \\&amp;"),
    ],
)
def test_what_is_said(text: str, expected: str) -> None:
    assert text == expected
