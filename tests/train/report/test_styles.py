"""Styles of tables: what Markdown, CSV and LaTeX would misread is escaped."""

from __future__ import annotations

import re

import pytest

from train.report.styles import csv_table, latex_table, markdown_table

HEADER, ROWS = ["", "ρ [95 %]"], [["a|b, c", "−0.1"], ["x_y & z", "–"]]


def test_markdown_escapes_what_divides_cells() -> None:
    assert markdown_table(HEADER, ROWS) == (
        "|  | ρ [95 %] |\n| --- | --- |\n| a\\|b, c | −0.1 |\n| x_y & z | – |"
    )


def test_csv_quotes_commas() -> None:
    assert csv_table(HEADER, ROWS) == ',ρ [95 %]\n"a|b, c",−0.1\nx_y & z,–\n'


def test_latex_escapes_and_writes_signs_as_commands() -> None:
    text = latex_table(HEADER, ROWS, "Δ of “x”: 100 %")
    assert text.startswith(
        "\\begin{table}\n  \\caption{$\\Delta$ of ``x'': 100 \\%}\n  \\begin{tabular}{lr}\n"
    )
    assert " & $\\rho$ [95 \\%] \\\\" in text
    assert "x\\_y \\& z & -- \\\\" in text
    assert "a|b, c & $-$0.1 \\\\" in text


HOSTILE = [
    "[click](http://example.org)",
    "![x](http://example.org/x.png)",
    "<img src=x>",
    "a|b",
    "`code`",
    "*em* _em_ ~~no~~",
    "$x$",
    "&lt;",
    "two\nlines",
    "\x1b[31mred",
    "back\\slash",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_in_markdown_as_they_are_written(name) -> None:
    lines = markdown_table(["", name], [[name, "0.1 [0.0, 0.2]"]]).splitlines()
    assert len(lines) == 3
    cell = lines[2].removeprefix("| ").removesuffix(" | 0.1 [0.0, 0.2] |")
    assert lines[0] == f"|  | {cell} |"
    shown = re.sub(r"\\(?=[!-/:-@\[-`{-~])(.)", r"\1", cell)  # what CommonMark makes of backslashes
    assert shown == name.replace("\n", " ").replace("\x1b", "\\x1b")
    bare = re.sub(r"\\.", "", cell)
    assert not re.search(r"[|`*$~<]|\]\(|&lt;|(?<!\w)_|_(?!\w)|\x1b", bare)


def test_names_with_an_underscore_inside_stay_readable() -> None:
    assert "| lstm_layers 2 & more |" in markdown_table([""], [["lstm_layers 2 & more"]])


def test_latex_shows_names_as_they_are_written() -> None:
    text = latex_table(
        ["", r"\input{x}"], [["[3pt] $x$", "a~b^c"], ["*", "<0.001"], ["{}", "two\nlines"]], "#1"
    )
    assert r"\textbackslash{}input\{x\}" in text
    assert r"{}[3pt] \$x\$ & a\textasciitilde{}b\textasciicircum{}c \\" in text
    assert r"{}* & $<$0.001 \\" in text
    assert r"\{\} & two lines \\" in text
    assert r"\caption{\#1}" in text


def test_no_name_in_a_table_is_a_formula() -> None:
    assert csv_table(["", "=x"], [["+a", "+0.1 [0, 1]"]]) == ",'=x\n'+a,\"+0.1 [0, 1]\"\n"
