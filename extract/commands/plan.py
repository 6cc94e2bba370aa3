"""``emi-extract plan``: what a run would do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, print_json
from cache.common.progress import Progress
from extract.commands.arguments import Json, Out, Sources, chosen_options
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions


@options_from(ExtractOptions, "options", only=("media", "max_seconds", "num_workers", "audio_stream", "like"))
@options_from(EncoderOptions, "encoder", only=("model", "revision", "layers"))
def plan(
    source: Sources,
    out: Out,
    *,
    encoder: Mapping[str, Any],
    options: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Say what a run would do: clips, hours, GB, what is cached, what cannot be read. No model runs."""
    from extract.preflight.plan import plan
    from extract.preflight.plan_text import as_json, as_text

    progress = Progress(sys.stderr)
    planned = plan(
        source,
        out,
        chosen_options(encoder, options),
        lambda done, total: progress.update(lambda: f"headers {done}/{total}"),
    )
    progress.close()
    if json:
        print_json(as_json(planned))
    else:
        typer.echo(as_text(planned, out))
    if planned.failures:
        raise typer.Exit(EXIT_LISTED)
