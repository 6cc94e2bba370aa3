"""``emi-train reproduce``, ``bundle`` and ``export``: fits a run again, and packs one to hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, print_json
from cache.common.storage.url_path import place
from train.commands.options import Json, Overwrite, RunPath
from train.labels.label_files import LabelFiles
from train.runs.export.options import ExportOptions


@options_from(LabelFiles, "files")
def reproduce(
    run: RunPath,
    *,
    cache: Annotated[
        Path | None, typer.Option(help="Where the cache is now.", show_default="where it was", parser=place)
    ] = None,
    files: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Fit a run again, of an ensemble or folds every head, and compare every bit; exit code 3 if one differs."""
    from cache.common.progress import Progress
    from train.fitting.reproduce import reproduce as run_again
    from train.fitting.reproduce import verdict

    found = run_again(run, cache, LabelFiles(**files), Progress())
    if json:
        print_json(found)
    else:
        lines = [f"{run}: {verdict(found)}"]
        lines += [f"  {name}: {verdict(each)}" for name, each in found.get("runs", {}).items()]
        shown = {name: same for name, same in found["files"].items() if "runs" not in found or not same}
        lines += [f"  {name}: {'same' if same else 'DIFFERS'}" for name, same in shown.items()]
        typer.echo("\n".join([*lines, *(f"  {line}" for line in found["differs"])]))
    if not found["same"]:
        raise typer.Exit(EXIT_LISTED)


def bundle(
    run: RunPath,
    *,
    out: Annotated[Path, typer.Option(help="Zip file to write.")],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="With the head as ONNX, and a module that predicts with it.")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Pack head (or heads), config, hashes and card into one file; no data."""
    from train.runs.bundle import bundle as pack

    names = pack(run, out, overwrite=overwrite, onnx=onnx)
    if json:
        print_json({"out": str(out), "files": names})
    else:
        typer.echo(f"{out}: {', '.join(names)}")


@options_from(ExportOptions, "options")
def export(
    run: RunPath,
    *,
    onnx: Annotated[Path, typer.Option(help="ONNX file to write.")],
    options: Mapping[str, Any],
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write head (or the mean of all heads) as one ONNX file: frames and lengths in, intensities out; checked."""
    from train.runs.export.export import export as write

    difference = write(run, onnx, ExportOptions(**options), overwrite=overwrite)
    if json:
        print_json({"onnx": str(onnx), "largest_difference": difference})
    else:
        typer.echo(f"{onnx}: differs from torch by at most {difference:.1e} on clips of 1 to 3,000 frames")
