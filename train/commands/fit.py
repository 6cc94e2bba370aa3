"""``emi-train fit``: fits one head, an ensemble of seeds, or one head for each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from cache.common.cores import available_cores
from train.commands.local_copies import keeps_copies
from train.commands.options import CacheArguments, ConfigFile, FitThreads, Json, Recipe, Strict, TuneMinutes
from train.commands.parts import folding_of
from train.config import FitConfig
from train.labels.fold_options import FoldOptions
from train.labels.label_files import LabelFiles
from train.runs.tracking.options import TrackOptions
from train.streams.arguments import CachePlace, parse_caches

if TYPE_CHECKING:
    from train.labels.folds import Folding
    from train.labels.tables import Labels, Splits
    from train.runs.run_folder import Run
    from train.studies.options import RepeatOptions


class Place(NamedTuple):
    """Where a fit reads and writes, and what it may do there.

    Attributes:
        cache: folder of the cache; of several streams those by name.
        files: the label tables.
        out: run folder.
        overwrite: replace the run in ``out``.
        strict: make a failed check of the audit an error.
        floor: say at the end what the best simple model reaches on the same clips.
        folding: how clips are divided into folds; None for the split that the tables have.
        heads: seeds whose mean prediction counts.
    """

    cache: CachePlace
    files: LabelFiles
    out: Path
    overwrite: bool
    strict: bool
    floor: bool
    folding: Folding | None
    heads: int


@keeps_copies
@options_from(LabelFiles, "files")
@options_from(FoldOptions, "division")
@options_from(FitConfig, "chosen")
@options_from(TrackOptions, "tracking")
def fit(
    caches: CacheArguments,
    *,
    out: Annotated[Path, typer.Option(help="Run folder to write.")],
    files: Mapping[str, Any],
    recipe: Recipe = None,
    config: ConfigFile = None,
    like: Annotated[
        Path | None, typer.Option("--from", help="Run whose config to take; options override it.")
    ] = None,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="First search lr, loss, temporal model, units, dropout on the inner part."
        ),
    ] = False,
    tune_minutes: TuneMinutes = 5.0,
    ensemble: Annotated[
        int, typer.Option(min=1, help="Fit this many seeds; predictions are their mean.")
    ] = 1,
    division: Mapping[str, Any],
    chosen: Mapping[str, Any],
    threads: FitThreads = None,
    floor: Annotated[
        bool, typer.Option("--floor/--no-floor", help="At the end: what the best simple model reaches.")
    ] = True,
    tracking: Mapping[str, Any],
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    json: Json = False,
) -> None:
    """Fit one head. Stopped at any instant, the same command goes on where it was."""
    folding, told_to = folding_of(division), TrackOptions(**tracking)
    from train.commands.config_options import Start, build_config
    from train.machine import threads_of
    from train.recipes.registry import AUTO
    from train.runs.tracking.follow import tracked

    cache = parse_caches(caches)
    place = Place(cache, LabelFiles(**files), out, overwrite, strict, floor, folding, ensemble)
    with threads_of(threads):
        labels = _read(place)
        start = Start(recipe, AUTO, cache, _trained_on(labels, folding))
        built, said = build_config(chosen, config, like, start)
        configs = _search(place, labels, built, tune_minutes, frozenset(chosen)) if tune else {}
        with tracked(told_to, out) as told:
            text, found = _fitted(place, labels, built, Made(tuple(said), configs))
    if json:
        print_json({"run": str(out), **found})
    else:
        typer.echo(f"{text}\n\nrun folder: {out}" + (told.line() if told else ""))


Result = tuple[str, dict[str, Any]]  # what a person reads, and what a machine reads


def _read(place: Place) -> Splits | Labels:
    """Read the labels: of the split that the tables have, or for folds all."""
    from train.labels.read_tables import read_all_labels, read_files

    return read_files(place.files) if place.folding is None else read_all_labels(place.files)


def _trained_on(labels: Splits | Labels, folding: Folding | None) -> int:
    """Return how many clips a head is trained on, with folds about so many."""
    from train.labels.tables import Splits

    if isinstance(labels, Splits):
        return len(labels.train)
    count = folding.count if folding is not None else None
    return len(labels) if count is None else max(1, len(labels) * (count - 1) // count)


class Made(NamedTuple):
    """How the config of a fit was made.

    Attributes:
        said: a line on its recipe, if there is one.
        configs: what a search chose, by the names of folds; of a plain split by no name.
    """

    said: tuple[str, ...]
    configs: dict[str, FitConfig]


def _fitted(place: Place, labels: Splits | Labels, config: FitConfig, made: Made) -> Result:
    """Fit one head, an ensemble, or the folds."""
    from train.labels.tables import Splits
    from train.studies.options import RepeatOptions

    repeat = RepeatOptions(place.out, place.overwrite, place.strict, place.files, made.configs, made.said)
    if isinstance(labels, Splits):
        own = made.configs.get("", config)
        if place.heads > 1:
            return _fit_ensemble(place, labels, own, repeat)
        return _fit_one(place, labels, own, made.said)
    return _fit_folds(place, labels, config, repeat)


def _search(
    place: Place, labels: Splits | Labels, config: FitConfig, minutes: float, fixed: frozenset[str]
) -> dict[str, FitConfig]:
    """Search for the config of the fit, or of each fold, on the inner part of its training clips."""
    from train.labels.tables import Splits
    from train.studies.grid import Row
    from train.studies.jobs import study_context
    from train.studies.options import SearchOptions, StudyOptions
    from train.studies.parts import fold_parts, whole
    from train.studies.tuning.search import require_searchable, searched

    rows, search = [Row("fit", config, "cache")], SearchOptions(minutes, fixed)
    require_searchable(rows)
    if isinstance(labels, Splits):
        parts = whole(labels)
    else:
        assert place.folding is not None  # noqa: S101 - all labels are read for folds
        parts = fold_parts([place.cache], labels, place.folding)
    beside = place.out.with_name(f"{place.out.name}.search")
    with study_context(
        {"cache": place.cache}, parts, rows, StudyOptions(beside, workers=available_cores())
    ) as study:
        found = searched(study, rows, search)
    return {part: row.config for (_, part), row in found.items()}


def _fit_one(place: Place, labels: Splits, config: FitConfig, said: tuple[str, ...]) -> Result:
    from train.fitting.fit import SharedFit
    from train.fitting.fit import fit as run_fit
    from train.report.terminal import results_text

    shared = SharedFit(strict=place.strict, said=said)
    run = run_fit(place.cache, labels, config, place.out, overwrite=place.overwrite, shared=shared)
    line, floor = _floor(place, [(labels, [run])])
    return results_text(run.metrics, run.targets.names) + line, {**run.metrics, **floor}


def _fit_ensemble(place: Place, labels: Splits, config: FitConfig, repeat: RepeatOptions) -> Result:
    from train.report.terminal import ensemble_text
    from train.runs.run_folder import load_run
    from train.runs.tracking.whole import tell_ensemble
    from train.studies.ensemble import fit_seeds

    ensemble = fit_seeds(place.cache, labels, config, place.heads, repeat)
    loaded = load_run(place.out)
    tell_ensemble(place.out)
    line, floor = _floor(place, [(labels, [loaded, *loaded.others])])
    return ensemble_text(ensemble) + line, {**ensemble.to_dict(), **floor}


def _fit_folds(place: Place, labels: Labels, config: FitConfig, repeat: RepeatOptions) -> Result:
    from train.report.terminal import folds_text
    from train.runs.tracking.whole import tell_folds
    from train.studies.cross_validation import fit_folds

    assert place.folding is not None  # noqa: S101 - all labels are read for folds
    found = fit_folds(place.cache, labels, config, place.folding, repeat, place.heads)
    tell_folds(place.out)
    line, floor = _floor(place, found.fits)
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
