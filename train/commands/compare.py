"""``emi-train baseline`` and ``fidelity``: what simple models reach, and what a compact cache costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from cache.common.cores import available_cores
from cache.common.storage.url_path import place
from train.commands.ablate import audit_aloud, caches_without_vad
from train.commands.local_copies import keeps_copies
from train.commands.options import CacheArguments, Json, Strict, Workers
from train.commands.parts import read_parts
from train.config import FitConfig
from train.labels.fold_options import FoldOptions
from train.labels.label_files import LabelFiles
from train.streams.arguments import parse_caches


@keeps_copies
@options_from(LabelFiles, "files")
@options_from(FoldOptions, "division")
@options_from(FitConfig, "chosen", only=("layer", "metric", "seed", "min_coverage", "streams", "missing"))
def baseline(
    caches: CacheArguments,
    *,
    out: Annotated[Path, typer.Option(help="Folder of predictions and tables.")],
    files: Mapping[str, Any],
    division: Mapping[str, Any],
    chosen: Mapping[str, Any],
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit linear models on one vector a clip: constant, duration and loudness, VAD, global mean vector."""
    from train.commands.config_options import build_config
    from train.report.table import write_tables
    from train.studies.floor.baselines import baseline as run_baseline
    from train.studies.scored import describe, score_rows

    # Every training clip is learned from, and no epoch is chosen: "last" divides nothing off.
    config, _ = build_config({**chosen, "select": "last"})
    cache = parse_caches(caches)
    parts = read_parts(LabelFiles(**files), [cache], division)
    checked = audit_aloud({"cache": cache}, parts, strict)
    study = run_baseline(cache, parts, config, out)
    checked.save(out)
    scores = score_rows(study)
    text = write_tables(study, scores)
    if json:
        print_json(describe(study, scores))
    else:
        typer.echo(f"{text}\n\ntables, chart and predictions: {out}")


@options_from(LabelFiles, "files")
@options_from(FoldOptions, "division")
@options_from(FitConfig, "chosen", only=("epochs", "lr", "metric", "precision", "min_coverage"))
def fidelity(
    full: Annotated[
        Path, typer.Argument(metavar="FULL", help="Folder or URL of the full cache.", parser=place)
    ],
    compact: Annotated[
        Path, typer.Argument(metavar="COMPACT", help="The same of a compact one.", parser=place)
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")],
    files: Mapping[str, Any],
    division: Mapping[str, Any],
    hidden: Annotated[int, typer.Option(min=1, help="LSTM units of the probe.")] = 64,
    chosen: Mapping[str, Any],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds on each cache.")] = 3,
    workers: Workers = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit the same small LSTM with the same seeds on a full cache and its compact one, and compare."""
    from train.commands.config_options import build_config
    from train.report.terminal import fidelity_text
    from train.studies.fidelity import COMPACT, FULL, require_pair
    from train.studies.fidelity import fidelity as run_fidelity
    from train.studies.options import StudyOptions

    (config, _), processes = build_config({"hidden": hidden, **chosen}), workers or available_cores()
    require_pair(full, compact)
    parts = read_parts(LabelFiles(**files), [full, compact], division)
    if caches_without_vad({FULL: full}):
        config = replace(config, vad=False)
        typer.echo(f"{full}: no vad in this cache, both heads are fitted without it", err=True)
    checked = audit_aloud({FULL: full, COMPACT: compact}, parts, strict)
    options = StudyOptions(out, range(seeds), processes)
    result = run_fidelity(full, compact, parts, config, options)
    checked.save(out)
    if json:
        print_json(result.to_dict())
    else:
        typer.echo(fidelity_text(result))
