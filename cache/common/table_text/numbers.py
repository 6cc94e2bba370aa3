"""Numbers in tables: what is one, and why what was meant as one is not."""

from __future__ import annotations

import re

PLAIN = r"\d+(?:[.,]\d*)?|[.,]\d+"
MISSING = frozenset(  # what people and programs write where they have nothing to say, in lower case
    {"", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "none", "null", "nil", "unknown", "unk", "?", "-"}
)
CAUSES = (  # in this order: the first that fits says why
    (re.compile(rf"[+-]?(?:{PLAIN})\s*%"), "a percent sign: write a share such as 0.45"),
    (re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?", re.IGNORECASE), "a decimal comma: write a point, 0.45"),
    (re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+"), "a decimal comma, and points between thousands: write 1234.5"),
    (re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?"), "commas between thousands: write 1234.5"),
    (re.compile(rf"[\u2212\u2012\u2013](?:{PLAIN})"), "a dash for a minus sign: write -0.45"),
    (re.compile(r"[+-]?\d+\s*/\s*\d+"), "a fraction: write 0.45"),
)  # fmt: skip


def is_missing(text: str) -> bool:
    """Whether a cell says that its value is not known: it is empty, ``NA``, ``nan``, ``?`` and so on."""
    return text.strip().casefold().strip("()[]") in MISSING


def number_in(text: str) -> float | None:
    """Return the number in a cell; None if there is none."""
    # float() also takes "1_000", which no table means as a number.
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def why_no_number(text: str) -> str:
    """Say why text that was meant as a number is none; nothing if it was not meant as one."""
    text = text.strip()
    return next((why for pattern, why in CAUSES if pattern.fullmatch(text)), "")
