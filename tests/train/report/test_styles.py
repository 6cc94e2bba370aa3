"""Styles of tables: what Markdown, CSV and LaTeX would misread is escaped."""

from __future__ import annotations

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
