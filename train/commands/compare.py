"""``emi-train baseline`` and ``fidelity`` in clips → extract → cache → train → intensities: yardsticks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cache.common.console import print_json
from cache.common.cores import available_cores
from train.commands.ablate import caches_without_vad
from train.commands.options import (
    CachePath,
    Json,
    MinCoverage,
    Strict,
    label_options,
)

if TYPE_CHECKING:
    from train.labels.label_files import LabelFiles


@label_options
def baseline(
    cache: CachePath,
    *,
    out: Annotated[Path, typer.Option(help="Folder of predictions and tables.")],
    files: LabelFiles,
    layer: Annotated[int | None, typer.Option(help="Encoder layer.  [default: the last one cached]")] = None,
    metric: Annotated[str | None, typer.Option(help="pearson, ccc or spearman.  [default: pearson]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the inner folds.  [default: 0]")] = None,
    min_coverage: MinCoverage = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit linear models on one vector a clip: constant, duration and loudness, VAD, global mean vector."""
    given = dict(locals())
    from train.commands.config_options import build_config
    from train.labels.label_files import target_lines
    from train.report.table import write_tables
    from train.scores.audit import audit_caches
    from train.studies.baselines import baseline as run_baseline
    from train.studies.scored import describe, score_rows

    # Every training clip is learned from, and no epoch is chosen: "last" divides nothing off.
    config = build_config({**given, "select": "last"}, None, None)
    splits = files.read()
    checked = audit_caches({"cache": cache}, splits, strict=strict)
    study = run_baseline(cache, splits, config, out, inputs=files.to_dict())
    checked.save(out)
    typer.echo("\n".join([*target_lines(splits.train, splits.valid), checked.text()]), err=True)
    scores = score_rows(study)
    text = write_tables(study, scores)
    if json:
        print_json(describe(study, scores))
    else:
        typer.echo(f"{text}\n\ntables, chart and predictions: {out}")


@label_options
def fidelity(
    full: Annotated[Path, typer.Argument(metavar="FULL", help="Folder of the full cache.")],
    compact: Annotated[Path, typer.Argument(metavar="COMPACT", help="Folder of a compact cache of it.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")],
    files: LabelFiles,
    hidden: Annotated[int, typer.Option(min=1, help="LSTM units of the probe.")] = 64,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 10,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.  [default: 0.001]")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds on each cache.")] = 3,
    metric: Annotated[str | None, typer.Option(help="pearson, ccc or spearman.  [default: pearson]")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.  [default: float32]")] = None,
    min_coverage: MinCoverage = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread.  [default: one per core]")
    ] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit the same small LSTM with the same seeds on a full cache and its compact one, and compare."""
    given = dict(locals())
    from train.commands.config_options import build_config
    from train.labels.label_files import target_lines
    from train.report.terminal import fidelity_text
    from train.scores.audit import audit_caches
    from train.studies.fidelity import COMPACT, FULL, require_pair
    from train.studies.fidelity import fidelity as run_fidelity
    from train.studies.options import StudyOptions

    config, processes = build_config(given, None, None), workers or available_cores()
    splits = files.read()
    require_pair(full, compact)
    if caches_without_vad({FULL: full}):
        config = replace(config, vad=False)
        typer.echo(f"{full}: no vad in this cache, both heads are fitted without it", err=True)
    checked = audit_caches({FULL: full, COMPACT: compact}, splits, strict=strict)
    typer.echo("\n".join([*target_lines(splits.train, splits.valid), checked.text()]), err=True)
    options = StudyOptions(out, range(seeds), processes, inputs=files.to_dict())
    result = run_fidelity(full, compact, splits, config, options)
    checked.save(out)
    if json:
        print_json(result.to_dict())
    else:
        typer.echo(fidelity_text(result))
