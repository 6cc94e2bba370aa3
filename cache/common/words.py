"""What people read: counts with their noun, bytes, times, and text of others that shows as it is written."""

from __future__ import annotations

import re

from cache.common.ids import UNPRINTABLE

BREAKS = re.compile(r"[ \t]*[\r\n]+[ \t]*")
CONTROLS = re.compile(f"[{UNPRINTABLE}]")
# What GitHub's Markdown takes for a command inside a line: code, emphasis, cells, formulas, tags, entities, links.
MARKUP = re.compile(r"[\\`*|~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])", re.ASCII)


def counted(number: int, noun: str) -> str:
    """Return ``1 clip``, but ``24 clips``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(num_bytes: float) -> str:
    """Return ``num_bytes`` as ``1.234 GB``, or ``5.6 MB`` where that says more."""
    return f"{num_bytes / 1e9:.3f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.2f} MB"


def clock(seconds: float) -> str:
    """Return ``seconds`` as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def in_one_line(text: str) -> str:
    r"""Return text of others in one line, without anything that a terminal obeys: ``\x1b`` for the escape."""
    return CONTROLS.sub(lambda found: ascii(found.group())[1:-1], BREAKS.sub(" ", text))


def in_markdown(text: str) -> str:
    """Return text of others such that Markdown shows it as it is written, also in a cell of a table."""
    return MARKUP.sub(lambda found: f"\\{found.group()}", in_one_line(text))
