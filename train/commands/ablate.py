"""``emi-train ablate``: fits rows of configs with several seeds, and makes their table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from cache.common.cores import available_cores
from train.commands.local_copies import keeps_copies
from train.commands.options import (
    ByGroup,
    ConfigFile,
    FullCache,
    Json,
    PaperRecipe,
    RowCaches,
    Strict,
    TuneMinutes,
    Workers,
    check_choice,
)
from train.commands.parts import read_parts
from train.config import SWITCHES, FitConfig
from train.labels.fold_options import FoldOptions
from train.labels.label_files import LabelFiles
from train.runs.tracking.options import TrackOptions
from train.streams.arguments import CachePlace, named_caches

if TYPE_CHECKING:
    from train.audit.checks import Audit
    from train.runs.tracking.follow import Tracking
    from train.studies.grid import Row
    from train.studies.options import StudyOptions
    from train.studies.parts import Parts
    from train.studies.study import Study

SET_BY_ROWS = (*SWITCHES, "seed", "train_on_all")  # by the grid and the seeds, not for all rows at once


@keeps_copies
@options_from(LabelFiles, "files")
@options_from(FoldOptions, "division")
@options_from(FitConfig, "chosen", without=SET_BY_ROWS)
@options_from(TrackOptions, "tracking")
def ablate(
    caches: RowCaches,
    *,
    out: Annotated[Path, typer.Option(help="Folder of runs, tables and chart.")],
    grid: Annotated[
        str,
        typer.Option(help="components: sets of the method's parts; streams: of streams; fusions; or TOML."),
    ] = "components",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each row.")] = 5,
    files: Mapping[str, Any],
    division: Mapping[str, Any],
    config: ConfigFile = None,
    chosen: Mapping[str, Any],
    tune: Annotated[
        str | None,
        typer.Option(metavar="lr|all", help="First choose on the inner part: each row's lr, or by a search."),
    ] = None,
    tune_minutes: TuneMinutes = 5.0,
    recipe: PaperRecipe = None,
    confirm: FullCache = None,
    workers: Workers = None,
    baselines: Annotated[
        bool, typer.Option(help="Put the baselines below the rows: constant, length, VAD, global mean.")
    ] = True,
    by: ByGroup = None,
    tracking: Mapping[str, Any],
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit every row with every seed, in parallel; stopped at any instant, the same command goes on."""
    told_to = _checked(tune, tracking)
    from train.commands.config_options import Start, build_config
    from train.recipes.registry import PAPER
    from train.runs.tracking.follow import tracked
    from train.studies.ablation import ablate as run_ablation
    from train.studies.confirm import confirm_rows
    from train.studies.floor.baselines import with_baselines
    from train.studies.options import StudyOptions

    named, processes = caches_of_rows(caches), workers or available_cores()
    parts = read_parts(LabelFiles(**files), list(named.values()), division)
    start = (
        Start(recipe, PAPER, next(iter(named.values())), len(parts.all[0].labels.train)) if recipe else None
    )
    base, said = build_config(chosen, config, start=start)
    rows = _rows(grid, base, named)
    groups = _groups(place_of(named, rows), parts, by, base.missing)
    options = _options(StudyOptions(out, range(seeds), processes), rows, tune, tune_minutes, chosen)
    _require_confirmable(confirm, tune, parts, rows[0], named)
    checked = _audited(named, parts, rows, strict, said)
    with tracked(told_to, out) as told:
        study = run_ablation(named, parts, rows, options)
        checked.save(out)
        confirmed = confirm_rows(study, confirm, parts, options) if confirm else None
        if baselines:
            study = with_baselines(study, place_of(named, rows), parts, config_of_all(named, rows))
        _show(study, confirmed, groups, told, json=json)


def _checked(tune: str | None, tracking: Mapping[str, Any]) -> TrackOptions:
    """Refuse what no ablation takes before anything is read; return whom it is told to."""
    if tune is not None:
        check_choice("--tune", tune, ("lr", "all"))
    return TrackOptions(**tracking)


def _audited(
    named: Mapping[str, CachePlace], parts: Parts, rows: list[Row], strict: bool, said: list[str]
) -> Audit:
    """Say the lines on the recipe, and audit once for all fits."""
    for line in said:
        typer.echo(line, err=True)
    by_speaker = any(row.config.by_speaker for row in rows)
    return audit_aloud(named, parts, strict, by_speaker)


def _options(
    plain: StudyOptions, rows: list[Row], tune: str | None, minutes: float, given: Mapping[str, Any]
) -> StudyOptions:
    """Return the options of a study with what is chosen before its fits: nothing, rates, or by a search."""
    from dataclasses import replace

    from train.studies.options import SearchOptions
    from train.studies.tuning.search import varied

    search = SearchOptions(minutes, varied(rows) | set(given)) if tune == "all" else None
    return replace(plain, tune=tune == "lr", search=search)


def _require_confirmable(
    confirm: Path | None, tune: str | None, parts: Parts, row: Row, named: Mapping[str, CachePlace]
) -> None:
    """Refuse to confirm rows of streams, on a cache that does not fit, or that have another config in each fold.

    Raises:
        ConfigError: if they have, or it does not.
    """
    from train.errors import ConfigError
    from train.studies.confirm import require_confirmable

    if confirm is None:
        return
    if any(isinstance(place, Mapping) for place in named.values()):
        raise ConfigError(
            "--confirm: takes one full cache, found streams; ablate the full caches of the streams by themselves"
        )
    if tune == "all" and parts.are_folds:
        raise ConfigError(
            "--confirm with --tune all: each fold has a config of its own; use --tune lr, or confirm without folds"
        )
    require_confirmable(confirm, parts, row)


class Groups(NamedTuple):
    """Groups of clips to score apart: what they are of, and the group of each clip by its id."""

    by: str
    of: dict[str, str]


def _groups(cache: CachePlace, parts: Parts, by: str | None, missing: str) -> Groups | None:
    """Return the groups that are asked for, of all clips that are reported on."""
    if by is None:
        return None
    from train.labels.coverage import cached, opened
    from train.scores.groups import group_of_clips

    with opened(cache, missing) as reader:
        labels = cached(parts.reported, reader)
        return Groups(by, dict(zip(labels.clip_ids, group_of_clips(labels, reader, by), strict=True)))


def _rows(grid: str, base: FitConfig, named: Mapping[str, CachePlace]) -> list[Row]:
    """Return the rows of a grid; say so where a cache without VAD leaves some out."""
    from train.studies.grid import COMPONENTS, read_grid

    without_vad = caches_without_vad(named)
    rows = read_grid(grid, base, list(named), without_vad, stream_names(named))
    if grid == COMPONENTS:
        for name in without_vad:
            typer.echo(
                f"{named[name]}: no vad in this cache, the 6 sets of parts without it are fitted", err=True
            )
    return rows


def place_of(named: Mapping[str, CachePlace], rows: list[Row]) -> CachePlace:
    """Return where the cache of the first row is; of streams, where all are, whichever of them the row takes."""
    return named.get(rows[0].cache) or next(iter(named.values()))


def config_of_all(named: Mapping[str, CachePlace], rows: list[Row]) -> FitConfig:
    """Return the config whose layers the baselines take: of the first row that takes all streams, if any does."""
    return next((row.config for row in rows if row.cache in named), rows[0].config)


def audit_aloud(
    named: Mapping[str, CachePlace], parts: Parts, strict: bool, by_speaker: bool = False
) -> Audit:
    """Check labels and caches once for all fits, and say what was found and which targets were taken."""
    from train.audit.folds import audit_parts
    from train.labels.tables import target_lines
    from train.labels.weights import weight_lines

    labels = parts.all[0].labels
    checked = audit_parts(named, parts.by_name, strict=strict, by_speaker=by_speaker)
    lines = [*target_lines(labels.train, labels.valid), *weight_lines(labels.train), checked.text()]
    typer.echo("\n".join(lines), err=True)
    return checked


def _show(
    study: Study, confirmed: Study | None, groups: Groups | None, told: Tracking | None, *, json: bool
) -> None:
    """Write the tables, and print them or what machines read."""
    from train.report.table import groups_text, write_tables
    from train.runs.tracking.whole import tell_study
    from train.studies.scored import describe, score_rows, scores_by_group

    scores = score_rows(study)
    text, described = write_tables(study, scores), describe(study, scores)
    if groups is not None:
        found = scores_by_group(study, groups.of)
        text += f"\n\n{groups_text(groups.by, found)}"
        described["groups"] = {"by": groups.by, "rows": found}
    if confirmed is not None:
        scores = score_rows(confirmed)
        text += f"\n\nconfirmed on {confirmed.rows[0].cache}\n{write_tables(confirmed, scores)}"
        described["confirmed"] = describe(confirmed, scores)
    tell_study(study.path, study.metric, described["rows"])
    if json:
        print_json(described)
    else:
        typer.echo(f"{text}\n\ntables, chart and runs: {study.path}" + (told.line() if told else ""))


def caches_of_rows(texts: list[str]) -> dict[str, CachePlace]:
    """Return the caches that rows are fitted on, by name: each alone, or all as the streams of one head.

    A cache is named by its folder, or by its whole path where two folders have one name; streams by all names.

    Raises:
        ConfigError: if two streams have one name, or only some have one.
    """
    from train.studies.streams.subsets import set_name

    paths = named_caches(texts)
    if isinstance(paths, dict):
        return {set_name(paths): paths}
    names = [path.resolve().name for path in paths]
    return {
        str(path) if names.count(name) > 1 else name: path for path, name in zip(paths, names, strict=True)
    }


def stream_names(named: Mapping[str, CachePlace]) -> list[str]:
    """Return the names of the streams, where the caches of rows are one set of them; else none."""
    return [name for place in named.values() if isinstance(place, Mapping) for name in place]


def caches_without_vad(named: Mapping[str, CachePlace]) -> list[str]:
    """Return the names of the caches that hold no VAD; of streams, of those that hold none in any."""
    from train.features.inputs import has_vad
    from train.labels.coverage import opened
    from train.streams.stream_set import readers_of

    found = []
    for name, path in named.items():
        with opened(path) as reader:
            if not any(has_vad(each) for each in readers_of(reader).values()):
                found.append(name)
    return found
