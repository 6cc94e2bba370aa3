"""Tables as text: rows of cells in Markdown, CSV and LaTeX; ``train.scores.wording.aligned`` is the terminal's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from cache.common.table_text.cells import safe_cell
from cache.common.words import in_markdown, in_one_line

Rows = Sequence[Sequence[str]]

LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "&%_#${}"},
        **{sign: f"${sign}$" for sign in "<>"},
        "ρ": r"$\rho$",
        "Δ": r"$\Delta$",
        "−": "$-$",
        "–": "--",
        "“": "``",
        "”": "''",
    }
)


def markdown_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as GitHub's Markdown, which shows every cell as it is written."""
    lines = [[*map(in_markdown, header)], ["---"] * len(header), *([*map(in_markdown, row)] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def csv_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as comma-separated values; no name, in the header or the first column, is a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [[*map(safe_cell, header)], *([safe_cell(first), *cells] for first, *cells in rows)]
    )
    return text.getvalue()


def latex_table(header: Sequence[str], rows: Rows, caption: str) -> str:
    """Return a table as LaTeX for the booktabs package, every cell as it is written; the first column names rows.

    A bracket or star after the end of a row would belong to that end.
    """
    body = [re.sub(r"^(?=[\[*])", "{}", " & ".join(map(_latex, row))) + r" \\" for row in rows]
    head = " & ".join(map(_latex, header)) + r" \\"
    layout = "l" + "r" * (len(header) - 1)
    lines = "\n    ".join([r"\toprule", head, r"\midrule", *body, r"\bottomrule"])
    return (
        f"\\begin{{table}}\n  \\caption{{{_latex(caption)}}}\n"
        f"  \\begin{{tabular}}{{{layout}}}\n    {lines}\n  \\end{{tabular}}\n\\end{{table}}\n"
    )


def _latex(text: str) -> str:
    return in_one_line(text).translate(LATEX)
