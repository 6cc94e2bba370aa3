"""Options that several commands share, in clips → extract → cache → train → intensities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

CachePath = Annotated[Path, typer.Argument(metavar="CACHE", help="Folder of the feature cache.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
TrainTable = Annotated[Path | None, typer.Option("--train", help="Label table of the training clips.")]
ValidTable = Annotated[Path | None, typer.Option("--valid", help="Label table of the validation clips.")]
LabelSource = Annotated[
    Path | None,
    typer.Option(
        "--labels", help="Folder of train_split.csv and valid_split.csv, or a table with a split column."
    ),
]
Speakers = Annotated[Path | None, typer.Option("--speakers", help="Table clip_id,speaker.")]
Names = Annotated[
    str | None, typer.Option(help="Target columns, comma-separated.  [default: all numeric columns]")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads.  [default: all cores]")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.  [default: auto]")]
Strict = Annotated[bool, typer.Option("--strict", help="Make a failed check of the audit an error.")]
RecipeDiff = Annotated[
    bool,
    typer.Option("--allow-recipe-diff", help="Go on with a cache of another recipe; record the difference."),
]


@contextmanager
def threads_of(threads: int | None) -> Iterator[None]:
    """Set torch's CPU threads, and put them back."""
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def names_in(text: str | None) -> list[str] | None:
    """Return the names in a comma-separated option."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse, as a usage error, a value that an option does not know."""
    if value not in allowed:
        raise typer.BadParameter(f"found {value!r}, expected {' or '.join(allowed)}", param_hint=option)
