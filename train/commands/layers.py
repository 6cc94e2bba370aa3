"""``emi-train layers``: what each cached encoder layer is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from cache.common.cores import available_cores
from train.commands.ablate import audit_aloud
from train.commands.options import Json, Strict, Workers
from train.commands.parts import read_parts
from train.config import FitConfig
from train.labels.fold_options import FoldOptions
from train.labels.label_files import LabelFiles

HEAD_NEEDS = "fits a head a layer and keeps them; add --out DIR"


@options_from(LabelFiles, "files")
@options_from(FoldOptions, "division")
@options_from(FitConfig, "chosen", without=("layer", "seed", "train_on_all"))
def layers(
    cache: Annotated[Path, typer.Argument(metavar="CACHE", help="Folder of the feature cache.")],
    *,
    files: Mapping[str, Any],
    division: Mapping[str, Any],
    chosen: Mapping[str, Any],
    head: Annotated[bool, typer.Option("--head", help="Fit a head on each layer, too.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the heads, tables and chart.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each head.")] = 1,
    workers: Workers = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit a ridge probe on each cached layer's global mean, and compare all with the best."""
    if head == (out is None):
        raise typer.BadParameter(
            HEAD_NEEDS if head else "keeps the heads of --head; add it",
            param_hint="--head" if head else "--out",
        )
    from cache.common.progress import Progress
    from train.commands.config_options import build_config
    from train.studies.floor.layers import probe_layers

    config, _ = build_config(chosen)
    parts = read_parts(LabelFiles(**files), [cache], division)
    checked = audit_aloud({"cache": cache}, parts, strict, config.by_speaker)
    table = probe_layers(cache, parts, config, Progress())
    described: dict[str, Any] = table.to_dict()
    text = table.text()
    if out is not None:
        from train.report.table import write_tables
        from train.studies.ablation import ablate
        from train.studies.floor.layers import head_rows
        from train.studies.options import StudyOptions
        from train.studies.scored import describe, score_rows

        rows = head_rows(table, config, "cache")
        study = ablate(
            {"cache": cache}, parts, rows, StudyOptions(out, range(seeds), workers or available_cores())
        )
        checked.save(out)
        scores = score_rows(study)
        text += f"\n\n{write_tables(study, scores)}\n\ntables, chart and runs: {out}"
        described["heads"] = describe(study, scores)
    if json:
        print_json(described)
    else:
        typer.echo(text)
