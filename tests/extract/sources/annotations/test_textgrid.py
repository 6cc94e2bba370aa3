"""TextGrids, long and short, in UTF-8 and UTF-16: every interval with a text is a segment of its tier."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from extract.sources.annotations.segments import Segment
from extract.sources.annotations.textgrid import read_textgrid

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "Mary"
        xmin = 0
        xmax = 2.3
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.7
            text = ""
        intervals [2]:
            xmin = 0.7
            xmax = 1.6
            text = "she said ""5 = five"" and
went! <exists> 7"
        intervals [3]:
            xmin = 1.6
            xmax = 2.3
            text = "ü"
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1.2
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "John"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = "well"
"""
SHORT = '''File type = "ooTextFile"
"TextGrid"

0
2.3
<exists>
3 ! three tiers
"IntervalTier"
"Mary"
0
2.3
3
0
0.7
""
0.7
1.6
"she said ""5 = five"""
1.6
2.3
"ü"
"TextTier"
"bell"
0
2.3
1
1.2
"ding"
"IntervalTier" "John" 0 2.3 1 0 2.3 "well"
'''


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "lines"), [(LONG, (20, 25, 44)), (SHORT, (16, 19, 29))], ids=["long", "short"]
)
def test_intervals_with_a_text_are_segments(tmp_path, text, lines, encoding) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = tmp_path / "talk.TextGrid"
    path.write_bytes((mark + text).encode(encoding))
    assert read_textgrid(path) == [
        Segment("talk", "Mary", 0.7, 1.6, lines[0]),
        Segment("talk", "Mary", 1.6, 2.3, lines[1]),
        Segment("talk", "John", 0.0, 2.3, lines[2]),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LONG[: LONG.index("item [3]")], 37),
        (LONG.replace("IntervalTier", "OtherTier", 1), 11),
        (LONG.replace("size = 3", "size = 1e300", 1), 47),
        (LONG.replace("size = 3", "size = -1", 1), 7),
        (LONG.replace("xmax = 0.7", "xmax = soon"), 18),
        ("ooBinaryFile\x08TextGrid", 1),
        ("", 1),
    ],
)
def test_what_is_none_is_refused_with_its_line(tmp_path, text, line) -> None:
    (tmp_path / "x.TextGrid").write_text(text)
    with pytest.raises(
        TableError, match=rf"line {line}: no TextGrid in Praat's text format .* or make a table"
    ):
        read_textgrid(tmp_path / "x.TextGrid")


def test_a_long_one_is_read_in_linear_time(tmp_path) -> None:
    number = 20_000
    rows = "".join(f'{at}\n{at + 1}\n"word"\n' for at in range(number))
    head = f'"ooTextFile"\n"TextGrid"\n0\n{number}\n<exists>\n1\n"IntervalTier"\n"a"\n0\n{number}\n{number}\n'
    (tmp_path / "x.TextGrid").write_text(head + rows)
    assert len(read_textgrid(tmp_path / "x.TextGrid")) == number
