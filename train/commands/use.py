"""``emi-train evaluate`` and ``predict``: scores a finished head, and predicts with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import print_json
from cache.common.words import counted
from train.commands.local_copies import keeps_copies
from train.commands.options import (
    Annotators,
    CacheArguments,
    Json,
    Overwrite,
    RecipeDiff,
    RunPath,
    SomeTargets,
    Speakers,
    Threads,
    check_choice,
)
from train.config import FitConfig
from train.scores.registry import METRICS
from train.scores.wording import unlearned_lines
from train.streams.arguments import parse_caches


@keeps_copies
@options_from(FitConfig, "chosen", only=("min_coverage", "device"))
def evaluate(
    run: RunPath,
    caches: CacheArguments,
    *,
    labels: Annotated[Path, typer.Option(help="Label table, or folder of <split>_split.csv.")],
    split: Annotated[
        str, typer.Option(help="Rows of a table with a split column, or file of a folder.")
    ] = "valid",
    speakers: Speakers = None,
    targets: SomeTargets = None,
    annotators: Annotators = None,
    metric: Annotated[
        str | None, typer.Option(help=f"{METRICS.choices()}.", show_default="the run's")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Column that divides the clips into groups, or duration.")
    ] = None,
    permutations: Annotated[int, typer.Option(min=0, help="Behind the null; 0 for none.")] = 1000,
    assume_icc: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Without speakers: show the interval if clips of one were so alike."),
    ] = None,
    clips_per_speaker: Annotated[
        float, typer.Option(min=1, help="With --assume-icc; Hume-Vidmimic2 has 31.")
    ] = 31,
    chosen: Mapping[str, Any],
    allow_recipe_diff: RecipeDiff = False,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Score a run on labelled clips, unclipped and clipped to the range of the training labels."""
    if metric is not None:
        check_choice("--metric", metric, tuple(METRICS))
    from train.labels.label_files import names_in
    from train.labels.read_tables import read_labels, read_speakers
    from train.machine import threads_of
    from train.report.terminal import evaluation_text
    from train.runs import evaluate as scoring
    from train.runs.run_folder import load_run
    from train.scores.evidence import EvidenceOptions

    config = FitConfig(**chosen)
    with threads_of(threads):
        loaded = load_run(run)
        asked = scoring.chosen_targets(loaded, names_in(targets or ""))
        known = read_speakers(speakers) if speakers else None
        result = scoring.evaluate(
            loaded,
            parse_caches(caches),
            read_labels(labels, asked, split, known, annotators),
            min_coverage=config.min_coverage,
            allow_recipe_diff=allow_recipe_diff,
            device=config.device,
            options=EvidenceOptions(metric, by, permutations, assume_icc, clips_per_speaker),
            speakers=known,
        )
    if json:
        print_json(result)
    else:
        typer.echo(evaluation_text(result, list(result["per_target"])))


@keeps_copies
@options_from(FitConfig, "chosen", only=("device",))
def predict(
    run: RunPath,
    caches: CacheArguments,
    *,
    out: Annotated[Path, typer.Option(help="CSV to write: the training label file's columns.")],
    ids: Annotated[
        Path | None, typer.Option(help="Table or list of clip ids.", show_default="every clip of the cache")
    ] = None,
    missing: Annotated[
        str, typer.Option(help="A clip that is not in the cache: error, or train-mean to fill it.")
    ] = "error",
    clip: Annotated[
        str, typer.Option(help="auto: clip to the range of the training labels; none: as predicted.")
    ] = "auto",
    speakers: Speakers = None,
    chosen: Mapping[str, Any],
    allow_recipe_diff: RecipeDiff = False,
    threads: Threads = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write the intensities of exactly the clips asked for, in their order."""
    check_choice("--missing", missing, ("error", "train-mean"))
    check_choice("--clip", clip, ("auto", "none"))
    from train.labels.read_tables import read_speakers
    from train.machine import threads_of
    from train.runs.predict import predict as run_predict
    from train.runs.run_folder import load_run
    from train.runs.submission import read_ids, require_output, write_submission

    config = FitConfig(**chosen)
    with threads_of(threads):
        loaded = load_run(run)
        require_output(out, loaded, ids, run)
        wanted = read_ids(ids) if ids else None
        predictions = run_predict(
            loaded,
            parse_caches(caches),
            wanted.written_ids if wanted else None,
            missing=missing,
            allow_recipe_diff=allow_recipe_diff,
            device=config.device,
            speakers=read_speakers(speakers) if speakers else None,
        )
        notes = write_submission(out, loaded, predictions, wanted, clip=clip == "auto", overwrite=overwrite)
    for line in unlearned_lines(predictions.unlearned):
        typer.echo(line, err=True)
    if predictions.filled:
        typer.echo(
            f"{counted(len(predictions.filled), 'clip')} not in the cache got the training mean: "
            f"{', '.join(predictions.filled)}",
            err=True,
        )
    if json:
        print_json({"out": str(out), **notes})
        return
    how = "clipped to the training labels' range (--clip none keeps them)" if clip == "auto" else "unclipped"
    typer.echo(f"{out}: {counted(len(predictions.clip_ids), 'clip')}, {', '.join(predictions.names)}, {how}")
