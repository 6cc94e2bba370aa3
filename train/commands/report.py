"""``emi-train report``: one page on a run or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import Overwrite


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR…", help="Folder of a run, an ensemble, folds, an ablation; with --html several."
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page and its pictures.", show_default="DIR/report")
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write report.html: one file that sorts, filters and plays clips.")
    ] = False,
    media: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of the clips' media files, which the page plays from there; repeatable."),
    ] = None,
    embed_media: Annotated[
        bool, typer.Option("--embed-media", help="Put the media files into the page.")
    ] = False,
    embed_limit: Annotated[float, typer.Option(min=0, help="Most of --embed-media, in MB.")] = 50.0,
    overwrite: Overwrite = False,
) -> None:
    """Write one page: scores, differences, predictions, curves, audit, how to reproduce; Markdown or HTML."""
    if html:
        from train.report.html.page import SoundOptions, write_html

        sounds = SoundOptions(tuple(media or ()), embed_media, embed_limit)
        typer.echo(str(write_html(paths, out, sounds, overwrite=overwrite)))
        return
    from train.report.page import write_report

    if media or embed_media:
        raise typer.BadParameter("only an HTML page plays sounds; add --html", param_hint="--media")
    if len(paths) > 1:
        raise typer.BadParameter(
            f"found {len(paths)} folders, a Markdown page is on one; add --html", param_hint="DIR"
        )
    typer.echo(str(write_report(paths[0], out, overwrite=overwrite)))
