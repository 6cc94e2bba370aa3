"""Arguments that several commands of ``emi-extract`` take, and how options become an ``ExtractOptions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.console import EXIT_LISTED, EXIT_STOPPED, print_json
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


def chosen_options(encoder: Mapping[str, Any], options: Mapping[str, Any]) -> ExtractOptions:
    """Return the options of what was typed; with ``like``, all else as what the clips are to be like was made.

    Raises:
        ExtractError: a value is out of its range, or contradicts that.
    """
    if "like" not in options:
        return build_options(encoder, options)
    from extract.run.like import options_like

    return options_like(options["like"], encoder, options)


def end_run(
    summary: Any, as_text: Callable[[Any], str], as_json: Callable[[Any], dict[str, Any]], json: bool
) -> None:
    """Print what a run did and could not do, and leave with the exit code that says so.

    Raises:
        typer.Exit: it was stopped early, or failures are listed.
    """
    if json:
        print_json(as_json(summary))
    else:
        typer.echo(as_text(summary))
    if summary.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if summary.failures:
        raise typer.Exit(EXIT_LISTED)
