"""``emi-extract transcribe``: sound to a table of transcripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from extract.commands.arguments import Json, Sources, end_run
from extract.options import EngineOptions
from extract.transcripts.asr.options import TranscribeOptions

Table = Annotated[Path, typer.Option(help="Table of transcripts, a CSV; continued when it exists.")]


@options_from(TranscribeOptions, "options")
@options_from(EngineOptions, "engine")
def transcribe(
    source: Sources, out: Table, *, options: Mapping[str, Any], engine: Mapping[str, Any], json: Json = False
) -> None:
    """Write down what is said in every clip, as a table to read and to mend. Run it again to continue."""
    from extract.transcripts.asr.summary import as_json, as_text
    from extract.transcripts.asr.transcribe import transcribe

    end_run(
        transcribe(source, out, TranscribeOptions(**options, engine=EngineOptions(**engine))),
        as_text,
        as_json,
        json,
    )
