"""Tables as text: rows of cells in Markdown, CSV and LaTeX; ``train.scores.wording.aligned`` is the terminal's."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from cache.common.table_text.cells import safe_cell

Rows = Sequence[Sequence[str]]

ESCAPED = (("\\", r"\textbackslash "), ("&", r"\&"), ("%", r"\%"), ("_", r"\_"), ("#", r"\#"))
SIGNS = (
    ("ρ", r"$\rho$"),
    ("Δ", r"$\Delta$"),
    ("−", "$-$"),
    ("–", "--"),
    ("“", "``"),
    ("”", "''"),
)


def markdown_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as GitHub's Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def csv_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as comma-separated values; no name, in the header or the first column, is a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [[*map(safe_cell, header)], *([safe_cell(first), *cells] for first, *cells in rows)]
    )
    return text.getvalue()


def latex_table(header: Sequence[str], rows: Rows, caption: str) -> str:
    """Return a table as LaTeX for the booktabs package; the first column names the rows."""
    body = [" & ".join(map(_latex, row)) + r" \\" for row in rows]
    head = " & ".join(map(_latex, header)) + r" \\"
    layout = "l" + "r" * (len(header) - 1)
    lines = "\n    ".join([r"\toprule", head, r"\midrule", *body, r"\bottomrule"])
    return (
        f"\\begin{{table}}\n  \\caption{{{_latex(caption)}}}\n"
        f"  \\begin{{tabular}}{{{layout}}}\n    {lines}\n  \\end{{tabular}}\n\\end{{table}}\n"
    )


def _latex(text: str) -> str:
    for plain, escaped in (*ESCAPED, *SIGNS):
        text = text.replace(plain, escaped)
    return text
