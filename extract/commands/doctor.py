"""``emi-extract doctor``: whether this machine, the encoder and the folder will do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, print_json
from cache.common.storage.url_path import place
from extract.commands.arguments import Json, build_options
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions


@options_from(ExtractOptions, "options", only=("max_seconds",))
@options_from(EncoderOptions, "encoder", without=("precision",))
def doctor(
    *,
    encoder: Mapping[str, Any],
    out: Annotated[
        Path | None, typer.Option(help="Folder or URL of the cache, to be checked too.", parser=place)
    ] = None,
    options: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Check libraries, decoders, the encoder's weights and golden values, batches, precision and the folder."""
    from extract.preflight.checks import FAILED, as_text
    from extract.preflight.doctor import examine

    checks = examine(build_options(encoder, options), out)
    if json:
        print_json([vars(check) for check in checks])
    else:
        typer.echo(as_text(checks))
    if any(check.state == FAILED for check in checks):
        raise typer.Exit(EXIT_LISTED)
