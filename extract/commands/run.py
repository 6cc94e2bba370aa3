"""``emi-extract run``: the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cache.common.command_options import options_from
from extract.commands.arguments import Json, Out, Sources, chosen_options, end_run
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
    from extract.run.summary import as_json, as_text

    options = {**options, "engine": EngineOptions(**engine)}
    end_run(extract(source, out, chosen_options(encoder, options)), as_text, as_json, json)
