"""``emi-extract text``: transcripts to a cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from extract.commands.arguments import Json, Out, end_run
from extract.options import EngineOptions
from extract.text.options import TextOptions

TextSources = Annotated[
    list[Path],
    typer.Argument(
        metavar="TRANSCRIPTS...",
        help="Table with a column 'text', folder of txt, srt, vtt or Whisper's JSON or TSV, or one such file; "
        "several are joined.",
    ),
]


@options_from(TextOptions, "options")
@options_from(EngineOptions, "engine")
def text(
    source: TextSources,
    out: Out,
    *,
    options: Mapping[str, Any],
    engine: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Encode transcripts, one frame a token with the time of its word. Run it again to continue."""
    from extract.text.encode_text import encode_text
    from extract.text.summary import as_json, as_text

    end_run(
        encode_text(source, out, TextOptions(**options, engine=EngineOptions(**engine))),
        as_text,
        as_json,
        json,
    )
