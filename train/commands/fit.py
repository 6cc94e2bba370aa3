"""``emi-train fit``: fits one head, an ensemble of seeds, or one head for each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from train.commands.options import CachePath, ConfigFile, FitThreads, Json, Strict
from train.config import FitConfig
from train.labels.label_files import LabelFiles

if TYPE_CHECKING:
    from train.labels.folds import Folding
    from train.labels.tables import Splits
    from train.runs.run_folder import Run


class Place(NamedTuple):
    """Where a fit reads and writes, and what it may do there.

    Attributes:
        cache: folder of the cache.
        files: the label tables.
        out: run folder.
        overwrite: replace the run in ``out``.
        strict: make a failed check of the audit an error.
        floor: say at the end what the best simple model reaches on the same clips.
    """

    cache: Path
    files: LabelFiles
    out: Path
    overwrite: bool
    strict: bool
    floor: bool


@options_from(LabelFiles, "files")
@options_from(FitConfig, "chosen")
def fit(
    cache: CachePath,
    *,
    out: Annotated[Path, typer.Option(help="Run folder to write.")],
    files: Mapping[str, Any],
    config: ConfigFile = None,
    like: Annotated[
        Path | None, typer.Option("--from", help="Run whose config to take; options override it.")
    ] = None,
    ensemble: Annotated[
        int, typer.Option(min=1, help="Fit this many seeds; predictions are their mean.")
    ] = 1,
    folds: Annotated[
        str | None,
        typer.Option(metavar="K|loo", help="Cross-validation: each clip is reported on once; loo: by group."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="With --folds, what stays in one fold: speaker, or a column of the label table."),
    ] = None,
    allow_speaker_overlap: Annotated[
        bool, typer.Option("--allow-speaker-overlap", help="Folds without --group; scores will be too high.")
    ] = False,
    chosen: Mapping[str, Any],
    threads: FitThreads = None,
    floor: Annotated[
        bool, typer.Option("--floor/--no-floor", help="At the end: what the best simple model reaches.")
    ] = True,
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    json: Json = False,
) -> None:
    """Fit one head. Stopped at any instant, the same command goes on where it was."""
    if ensemble > 1 and folds is not None:
        raise typer.BadParameter("cannot be combined with --folds", param_hint="--ensemble")
    if folds is None and (group is not None or allow_speaker_overlap):
        option = "--group" if group is not None else "--allow-speaker-overlap"
        raise typer.BadParameter(
            "says how --folds divides the clips; add --folds K, or leave it out", param_hint=option
        )
    from train.commands.config_options import build_config
    from train.labels.folds import Folding, parse_folds
    from train.machine import threads_of

    place = Place(cache, LabelFiles(**files), out, overwrite, strict, floor)
    with threads_of(threads):
        built = build_config(chosen, config, like)
        if folds is not None:
            text, found = _fit_folds(place, built, Folding(parse_folds(folds), group, allow_speaker_overlap))
        elif ensemble > 1:
            text, found = _fit_ensemble(place, built, ensemble)
        else:
            text, found = _fit_one(place, built)
    if json:
        print_json({"run": str(out), **found})
    else:
        typer.echo(f"{text}\n\nrun folder: {out}")


Result = tuple[str, dict[str, Any]]  # what a person reads, and what a machine reads


def _fit_one(place: Place, config: FitConfig) -> Result:
    from train.fitting.fit import SharedFit
    from train.fitting.fit import fit as run_fit
    from train.labels.read_tables import read_files
    from train.report.terminal import results_text

    labels, shared = read_files(place.files), SharedFit(strict=place.strict)
    run = run_fit(place.cache, labels, config, place.out, overwrite=place.overwrite, shared=shared)
    line, floor = _floor(place, [(labels, [run])])
    return results_text(run.metrics, run.targets.names) + line, {**run.metrics, **floor}


def _fit_ensemble(place: Place, config: FitConfig, count: int) -> Result:
    from train.labels.read_tables import read_files
    from train.report.terminal import ensemble_text
    from train.runs.run_folder import load_run
    from train.studies.ensemble import fit_seeds
    from train.studies.options import RepeatOptions

    repeat, labels = RepeatOptions(place.out, place.overwrite, place.strict), read_files(place.files)
    ensemble = fit_seeds(place.cache, labels, config, count, repeat)
    loaded = load_run(place.out)
    line, floor = _floor(place, [(labels, [loaded, *loaded.others])])
    return ensemble_text(ensemble) + line, {**ensemble.to_dict(), **floor}


def _fit_folds(place: Place, config: FitConfig, folding: Folding) -> Result:
    from train.labels.read_tables import read_all_labels
    from train.report.terminal import folds_text
    from train.studies.cross_validation import fit_folds
    from train.studies.options import RepeatOptions

    repeat = RepeatOptions(place.out, place.overwrite, place.strict, place.files)
    found = fit_folds(place.cache, read_all_labels(place.files), config, folding, repeat)
    line, floor = _floor(place, [(labels, [run]) for labels, run in found.fits])
    return folds_text(found.result) + line, {**found.result, **floor}


def _floor(place: Place, fits: Sequence[tuple[Splits, Sequence[Run]]]) -> Result:
    """Return the line of the floor, and the same for a machine; nothing where it is not wanted."""
    if not place.floor or any(run.metrics["valid"] is None for _, runs in fits for run in runs):
        return "", {}
    from cache.common.progress import Progress
    from train.studies.floor.beside import Fitted, floor_beside

    found = floor_beside(place.cache, [Fitted(*each) for each in fits], Progress())
    if found is None:
        return "", {"floor": None}
    return f"\n\n{found.text()}", {"floor": found.to_dict()}
