"""Sections of a Markdown page as blocks: the same words and numbers, for a page that is no Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

Block = dict[str, Any]
FENCE = "```"
ESCAPED_OR_BOLD = re.compile(r"\\(.)|\*\*")  # a sign of the text itself, or ours for bold
CELL = re.compile(r" ((?:\\.|[^\\|])*) \|")


def blocks_in(parts: Sequence[str]) -> list[Block]:
    """Return what a page's parts say, without its pictures.

    Args:
        parts: as the sections of a report return them: ``##`` headings, paragraphs, tables, blocks of commands.

    Returns:
        JSON values, each with its ``kind``: "heading", "text" and "code" with ``text``, "table" with ``header``
        and ``rows``. Their texts are those that Markdown would show.
    """
    return [block for part in parts for block in _blocks(part)]


def _blocks(part: str) -> Iterator[Block]:
    if part.startswith(FENCE):
        yield {"kind": "code", "text": part.partition("\n")[2].removesuffix(f"\n{FENCE}")}
        return
    for piece in part.split("\n\n"):
        if piece.startswith("## "):
            yield {"kind": "heading", "text": _plain(piece.removeprefix("## "))}
        elif piece.startswith("| "):
            header, _, *rows = [_cells(line) for line in piece.splitlines()]
            yield {"kind": "table", "header": header, "rows": rows}
        elif piece.strip() and not piece.startswith("!["):
            yield {"kind": "text", "text": _plain(piece.strip())}


def _cells(line: str) -> list[str]:
    return [_plain(cell) for cell in CELL.findall(line[1:])]


def _plain(text: str) -> str:
    return ESCAPED_OR_BOLD.sub(lambda found: found.group(1) or "", text)
