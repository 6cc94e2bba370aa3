"""``emi-train ablate`` in clips → extract → cache → train → intensities: a table in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cache.common.console import print_json
from cache.common.cores import available_cores
from train.commands.options import (
    Json,
    MinCoverage,
    Strict,
    check_choice,
    label_options,
)

if TYPE_CHECKING:
    from train.labels.label_files import LabelFiles


@label_options
def ablate(
    caches: Annotated[
        list[Path],
        typer.Argument(metavar="CACHE…", help="Feature caches; several are compared on their common clips."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder of runs, tables and chart.")],
    grid: Annotated[
        str, typer.Option(help="components: the 12 valid sets of the method's parts; or a TOML file.")
    ] = "components",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each row.")] = 5,
    files: LabelFiles,
    config: Annotated[Path | None, typer.Option(help="JSON or TOML file of config fields.")] = None,
    hidden: Annotated[int | None, typer.Option(help="LSTM units.  [default: the input width]")] = None,
    lstm_layers: Annotated[int | None, typer.Option(help="LSTM layers.  [default: 2]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.  [default: 10]")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.  [default: 0.001]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Clips per step.  [default: 32]")] = None,
    loss: Annotated[str | None, typer.Option(help="As for fit.  [default: mse]")] = None,
    metric: Annotated[str | None, typer.Option(help="As for fit.  [default: pearson]")] = None,
    select: Annotated[str | None, typer.Option(help="As for fit.  [default: inner]")] = None,
    patience: Annotated[int | None, typer.Option(help="As for fit.  [default: never]")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.  [default: float32]")] = None,
    device: Annotated[str | None, typer.Option(help="As for fit.  [default: auto]")] = None,
    min_coverage: MinCoverage = None,
    tune: Annotated[
        str | None, typer.Option(help="lr: choose each row's learning rate on the inner part first.")
    ] = None,
    confirm: Annotated[
        Path | None, typer.Option(help="Full cache: fit the reference and the best rows on it too.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread.  [default: one per core]")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Put the baselines below the rows: constant, length, VAD, global mean.")
    ] = True,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit every row with every seed, in parallel; stopped at any instant, the same command goes on."""
    given = dict(locals())
    if tune is not None:
        check_choice("--tune", tune, ("lr",))
    from train.commands.config_options import build_config
    from train.labels.label_files import target_lines
    from train.report.table import write_tables
    from train.scores.audit import audit_caches
    from train.studies.ablation import ablate as run_ablation
    from train.studies.baselines import with_baselines
    from train.studies.confirm import confirm_rows, require_confirmable
    from train.studies.grid import COMPONENTS, read_grid
    from train.studies.options import StudyOptions
    from train.studies.scored import describe, score_rows

    named = named_caches(caches)
    without_vad = caches_without_vad(named)
    rows = read_grid(grid, build_config(given, config, None), list(named), without_vad)
    if grid == COMPONENTS:
        for name in without_vad:
            typer.echo(
                f"{named[name]}: no vad in this cache, the 6 sets of parts without it are fitted", err=True
            )
    splits, processes = files.read(), workers or available_cores()
    if confirm is not None:
        require_confirmable(confirm, splits, rows[0])
    checked = audit_caches(named, splits, strict=strict)
    typer.echo("\n".join([*target_lines(splits.train, splits.valid), checked.text()]), err=True)
    options = StudyOptions(out, range(seeds), processes, tune is not None, files.to_dict())
    study = run_ablation(named, splits, rows, options)
    checked.save(out)
    confirmed = confirm_rows(study, confirm, splits, options) if confirm else None
    if baselines:
        study = with_baselines(study, named[rows[0].cache], splits, rows[0].config, options.inputs)
    scores = score_rows(study)
    text, found = write_tables(study, scores), describe(study, scores)
    if confirmed is not None:
        scores = score_rows(confirmed)
        text += f"\n\nconfirmed on {confirm}\n{write_tables(confirmed, scores)}"
        found["confirmed"] = describe(confirmed, scores)
    if json:
        print_json(found)
    else:
        typer.echo(f"{text}\n\ntables, chart and runs: {out}")


def named_caches(paths: list[Path]) -> dict[str, Path]:
    """Name each cache by its folder, or by its whole path where two folders have one name."""
    names = [path.resolve().name for path in paths]
    return {
        str(path) if names.count(name) > 1 else name: path for path, name in zip(paths, names, strict=True)
    }


def caches_without_vad(named: dict[str, Path]) -> list[str]:
    """Return the names of the caches that hold no VAD."""
    from cache import CacheReader
    from train.features.inputs import has_vad

    found = []
    for name, path in named.items():
        with CacheReader(path) as reader:
            if not has_vad(reader):
                found.append(name)
    return found
