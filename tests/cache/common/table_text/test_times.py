"""Times as numbers, and as pandas and audformat write them."""

from __future__ import annotations

import pytest

from cache.common.table_text.times import seconds_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5", 1.5), ("1e1", 10.0), ("-1", -1.0), ("0 days 00:00:01.5", 1.5), ("0 days", 0.0), ("1 day", 86_400.0),
        ("0 days 00:00:01.499999999", 1.499999999), ("1 days 02:03:04", 93_784.0), ("-1 days +23:59:59", -1.0),
        ("1 day, 0:00:01", 86_401.0), ("00:00:01.5", 1.5), ("1:02:03", 3723.0), ("100:00:00", 360_000.0),
        ("-00:00:01", -1.0), ("P0DT0H0M1.5S", 1.5), ("PT1M", 60.0),
        ("1.5s", 1.5), ("1500ms", 1.5), ("1500 ms", 1.5),
        ("2000000us", 2.0), (" 0.8 ", 0.8), ("NaT", None), ("", None), ("  ", None),
    ],
)  # fmt: skip
def test_a_time_is_seconds(text, seconds) -> None:
    assert seconds_in(text) == (None if seconds is None else pytest.approx(seconds, abs=1e-9))


@pytest.mark.parametrize(
    "text", ["soon", "1:30", "1,5", "00:61:00", "P", "PT", "1 h", "days", "0 days 25", "1.5 s s"]
)
def test_what_is_no_time_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"could not convert|no time"):
        seconds_in(text)
