"""``emi-train reproduce`` and ``bundle``: fits a run again, and packs one to hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, print_json
from train.commands.options import Json, Overwrite, RunPath
from train.labels.label_files import LabelFiles


@options_from(LabelFiles, "files")
def reproduce(
    run: RunPath,
    *,
    cache: Annotated[
        Path | None, typer.Option(help="Where the cache is now.", show_default="where it was")
    ] = None,
    files: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Fit a run again and compare every bit; exit code 3 if something differs, with what differs."""
    from cache.common.progress import Progress
    from train.fitting.reproduce import reproduce as run_again

    found = run_again(run, cache, LabelFiles(**files), Progress())
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
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Pack head, config, hashes and card into one file; no data."""
    from train.runs.bundle import bundle as pack

    names = pack(run, out, overwrite=overwrite)
    if json:
        print_json({"out": str(out), "files": names})
    else:
        typer.echo(f"{out}: {', '.join(names)}")
