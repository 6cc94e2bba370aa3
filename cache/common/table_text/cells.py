"""Cells that no spreadsheet takes for a formula: what is written before them, and taken away when they are read."""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")  # the wide ones count in spreadsheets of East Asia
NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)", re.ASCII | re.IGNORECASE)


def safe_cell(value: object) -> object:
    """Return a cell as it is written: text that begins like a formula gets an apostrophe before it.

    Numbers stay as they are, also negative ones, and so does all other text. ``plain_cell`` gives back the
    text, whatever it was.
    """
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def plain_cell(text: str) -> str:
    """Return the text of a cell as it was before ``safe_cell``."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
