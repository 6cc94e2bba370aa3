"""``emi-extract demo``: a synthetic corpus with a tiny encoder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cache.common.progress import Progress
from cache.common.words import counted


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write media/, the split CSVs and encoder/ into.")],
    clips: Annotated[int, typer.Option(help="How many clips.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
) -> None:
    """Synthesise a small corpus of speech-like clips and a tiny encoder, to try the tool without a download."""
    from extract.demo.corpus import make_demo

    progress = Progress(sys.stderr)
    corpus = make_demo(
        out, clips, seed, lambda done, total: progress.update(lambda: f"demo {done}/{total} clips")
    )
    progress.close()
    typer.echo(
        f"{out}: {counted(corpus.num_clips, 'clip')} of synthetic speech "
        f"({corpus.num_train} train, {corpus.num_valid} valid) and a tiny encoder with random weights"
    )
