"""``emi-train report``: one page on a run or a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from train.commands.options import Overwrite
from train.report.html.sounds import SoundOptions


@options_from(SoundOptions, "sounds")
def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR", help="Folder of a run, an ensemble, folds, an ablation; with --html several."
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page and its pictures.", show_default="DIR/report")
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write report.html: one file that sorts, filters and plays clips.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(help="With --html, groups to score apart: speaker, duration or a column of the labels."),
    ] = None,
    sounds: Mapping[str, Any],
    overwrite: Overwrite = False,
) -> None:
    """Write one page: scores, differences, predictions, curves, audit, how to reproduce; Markdown or HTML."""
    if html:
        from train.report.html.page import write_html

        typer.echo(str(write_html(paths, out, SoundOptions(**sounds), by=by, overwrite=overwrite)))
        return
    from train.report.page import write_report

    if sounds:
        flag = f"--{next(iter(sounds)).replace('_', '-')}"
        raise typer.BadParameter("only an HTML page plays sounds; add --html", param_hint=flag)
    if by is not None:
        raise typer.BadParameter("evaluate scores groups, or an HTML page: add --html", param_hint="--by")
    if len(paths) > 1:
        raise typer.BadParameter(
            f"found {len(paths)} folders, a Markdown page is on one; add --html", param_hint="DIR"
        )
    typer.echo(str(write_report(paths[0], out, overwrite=overwrite)))
