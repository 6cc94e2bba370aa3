"""``emi-train reproduce`` and ``bundle`` in clips → extract → cache → train → intensities: a run that lasts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cache.common.console import EXIT_LISTED, print_json
from train.commands.options import Json, RunPath, label_options

if TYPE_CHECKING:
    from train.labels.label_files import LabelFiles


@label_options
def reproduce(
    run: RunPath,
    *,
    cache: Annotated[
        Path | None, typer.Option(help="Where the cache is now.  [default: where it was]")
    ] = None,
    files: LabelFiles,
    json: Json = False,
) -> None:
    """Fit a run again and compare every bit; exit code 3 if something differs, with what differs."""
    from cache.common.console import Progress
    from train.fitting.reproduce import reproduce as run_again

    found = run_again(run, cache, files, Progress())
    if json:
        print_json(found)
    else:
        verdict = "the same bits" if found["same"] else "not the same"
        lines = [f"{run}: {verdict}"]
        lines += [f"  {name}: {'same' if same else 'DIFFERS'}" for name, same in found["files"].items()]
        typer.echo("\n".join([*lines, *(f"  {line}" for line in found["differs"])]))
    if not found["same"]:
        raise typer.Exit(EXIT_LISTED)


def bundle(
    run: RunPath,
    *,
    out: Annotated[Path, typer.Option(help="Zip file to write.")],
    json: Json = False,
) -> None:
    """Pack head, config, hashes and card into one file; no data."""
    from train.runs.bundle import bundle as pack

    names = pack(run, out)
    if json:
        print_json({"out": str(out), "files": names})
    else:
        typer.echo(f"{out}: {', '.join(names)}")
