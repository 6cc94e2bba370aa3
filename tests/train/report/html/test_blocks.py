"""Blocks are what Markdown shows: every cell comes back as it was, whatever signs it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cache.common.words import in_markdown, in_one_line
from train.report.html.blocks import blocks_in
from train.report.styles import markdown_table

CELLS = st.text(st.sampled_from("ab 1|\\*_`$<>&[]()#~!\n\t\x1b\u202e−ρ"), max_size=12) | st.text(max_size=8)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_table_comes_back_cell_by_cell(rows):
    header, *body = rows
    (block,) = blocks_in([markdown_table(header, body)])
    assert block["kind"] == "table"
    assert block["header"] == [in_one_line(cell) for cell in header]
    assert block["rows"] == [[in_one_line(cell) for cell in row] for row in body]


@given(CELLS)
def test_a_sentence_comes_back(text):
    (block,) = blocks_in([f"Rows of “{in_markdown(text)}”."])
    assert block == {"kind": "text", "text": f"Rows of “{in_one_line(text)}”."}


def test_each_kind_is_told_and_pictures_are_left_out():
    parts = [
        "## Scores",
        "Mean: **0.5 [0.1, 0.9]**.",
        "![all](chart.png)",
        "```sh\nfit 'a\n\n## b' | c\n```",
        "",
    ]
    parts.append(f"{markdown_table(['', 'x'], [['row', '1']])}\n\nAll rows: lr 0.1.")
    assert blocks_in(parts) == [
        {"kind": "heading", "text": "Scores"},
        {"kind": "text", "text": "Mean: 0.5 [0.1, 0.9]."},
        {"kind": "code", "text": "fit 'a\n\n## b' | c"},
        {"kind": "table", "header": ["", "x"], "rows": [["row", "1"]]},
        {"kind": "text", "text": "All rows: lr 0.1."},
    ]
