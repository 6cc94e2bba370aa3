"""``emi-train report``: one page on a run or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import Overwrite


def report(
    path: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a run, an ensemble, folds, an ablation.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page and its pictures.", show_default="DIR/report")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write one Markdown page with pictures: scores, differences, curves, audit, how to reproduce."""
    from train.report.page import write_report

    typer.echo(str(write_report(path, out, overwrite=overwrite)))
