"""Arguments that several commands of ``emi-extract`` take, and how options become an ``ExtractOptions``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.storage.url_path import place
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...",
        help="Folder of clips, manifest, table of ids, or annotations (ELAN, TextGrid, RTTM, Audacity); "
        "several are joined.",
        parser=place,
    ),
]
Out = Annotated[
    Path, typer.Option(help="Folder or URL of the cache; continued when it exists.", parser=place)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


def build_options(encoder: Mapping[str, Any], options: Mapping[str, Any]) -> ExtractOptions:
    """Return the options of what was typed; all else is as declared.

    Raises:
        ExtractError: a value is out of its range; the message starts with its flag.
    """
    return ExtractOptions(encoder=EncoderOptions(**encoder), **options)
