"""``emi-train distil``: makes a student, a small encoder of one's own, from two caches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from train.commands.options import Json, Speakers, Threads
from train.fitting.distil.options import DistilOptions


@options_from(DistilOptions, "chosen")
def distil(
    logmel: Annotated[Path, typer.Argument(metavar="LOGMEL", help="Cache of log-mel frames of the clips.")],
    teacher: Annotated[
        Path, typer.Argument(metavar="TEACHER", help="Cache of an encoder of the same clips.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the student; then --model of emi-extract run.")],
    chosen: Mapping[str, Any],
    speakers: Speakers = None,
    valid: Annotated[
        Path | None,
        typer.Option(
            help="Table of clips to hold out for the scores, in the place of --folds; never learned from."
        ),
    ] = None,
    threads: Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the student in --out.")] = False,
    json: Json = False,
) -> None:
    """Make a small network say what a large encoder says. Stopped at any instant, the same command goes on."""
    if valid is not None and "folds" in chosen:
        raise typer.BadParameter(
            "says who is held out, and so does --valid; leave one out", param_hint="--folds"
        )
    options = DistilOptions(**chosen)
    from train.fitting.distil.distil import distil as make
    from train.fitting.distil.distil import summary
    from train.fitting.distil.passes import HeldOut
    from train.labels.read_tables import read_speakers
    from train.machine import threads_of

    known = read_speakers(speakers) if speakers else None
    with threads_of(threads):
        metrics = make(
            logmel, teacher, out, options, HeldOut(known, valid, speakers or logmel), overwrite=overwrite
        )
    if json:
        print_json({"student": str(out), **metrics})
    else:
        typer.echo(f"{summary(metrics)}\n\nstudent: {out}")
