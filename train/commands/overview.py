"""``emi-train runs`` and ``compare``: what lies below a folder, and some of it side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.common.console import print_json
from train.commands.options import Json
from train.scores.registry import METRICS


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of runs and studies, however deep.")],
    *,
    sort: Annotated[str, typer.Option(help="date, score, seconds, name or cache.")] = "date",
    json: Json = False,
) -> None:
    """List every run, ensemble, cross-validation and study below a folder."""
    from train.overview.catalog import entries_below, entries_text, to_dict

    found = entries_below(folder, sort)
    if json:
        print_json([to_dict(entry) for entry in found])
    else:
        typer.echo(entries_text(found))


def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN…", help="Finished runs; the first is the reference.")
    ],
    *,
    metric: Annotated[
        str | None, typer.Option(help=f"{METRICS.choices()}.", show_default="the first run's")
    ] = None,
    json: Json = False,
) -> None:
    """Compare runs, ensembles or cross-validations on their common clips: settings first, then paired scores."""
    from train.overview.side_by_side import side_by_side, side_by_side_text

    found = side_by_side(paths, metric)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(side_by_side_text(found))
