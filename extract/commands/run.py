"""``emi-extract run``: the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, EXIT_STOPPED, print_json
from extract.commands.arguments import Json, Out, Sources, build_options
from extract.encoders.base import EncoderOptions
from extract.options import EngineOptions, ExtractOptions


@options_from(ExtractOptions, "options")
@options_from(EncoderOptions, "encoder")
@options_from(EngineOptions, "engine")
def run(
    source: Sources,
    out: Out,
    *,
    encoder: Mapping[str, Any],
    options: Mapping[str, Any],
    engine: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Extract every clip that the cache does not hold yet. Run it again to continue: nothing is redone."""
    from extract.run.extract import extract
    from extract.run.like import options_like
    from extract.run.summary import as_json, as_text

    options = {**options, "engine": EngineOptions(**engine)}
    chosen = (
        options_like(options["like"], encoder, options)
        if "like" in options
        else build_options(encoder, options)
    )
    summary = extract(source, out, chosen)
    if json:
        print_json(as_json(summary))
    else:
        typer.echo(as_text(summary))
    if summary.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if summary.failures:
        raise typer.Exit(EXIT_LISTED)
