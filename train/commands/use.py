"""``emi-train evaluate`` and ``predict`` in clips → extract → cache → train → intensities: a head in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.common.console import counted, print_json
from train.commands.options import (
    CachePath,
    Device,
    Json,
    RecipeDiff,
    RunPath,
    Speakers,
    Threads,
    check_choice,
    threads_of,
)


def evaluate(
    run: RunPath,
    cache: CachePath,
    *,
    labels: Annotated[Path, typer.Option(help="Label table, or folder of <split>_split.csv.")],
    split: Annotated[
        str, typer.Option(help="Rows of a table with a split column, or file of a folder.")
    ] = "valid",
    speakers: Speakers = None,
    metric: Annotated[
        str | None, typer.Option(help="pearson, ccc, spearman or mae.  [default: the run's]")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Column of the label table that divides the clips into groups, or duration."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=2, help="Draws behind each interval.")] = 2000,
    permutations: Annotated[int, typer.Option(min=0, help="Behind the null; 0 for none.")] = 1000,
    assume_icc: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Without speakers: show the interval if clips of one were so alike."),
    ] = None,
    clips_per_speaker: Annotated[
        float, typer.Option(min=1, help="With --assume-icc; Hume-Vidmimic2 has 31.")
    ] = 31,
    min_coverage: Annotated[float, typer.Option(help="Least share of labelled clips in the cache.")] = 0.95,
    allow_recipe_diff: RecipeDiff = False,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Score a run on labelled clips, unclipped and clipped to the range of the training labels."""
    if metric is not None:
        check_choice("--metric", metric, ("pearson", "ccc", "spearman", "mae"))
    from train.labels.tables import read_labels, read_speakers
    from train.report.terminal import evaluation_text
    from train.runs.predict import evaluate as score
    from train.runs.run_folder import load_run
    from train.scores.evidence import EvidenceOptions

    with threads_of(threads):
        loaded = load_run(run)
        known = read_speakers(speakers) if speakers else None
        labelled = read_labels(labels, loaded.targets.names, split, known)
        result = score(
            loaded,
            cache,
            labelled,
            min_coverage=min_coverage,
            allow_recipe_diff=allow_recipe_diff,
            device=device or "auto",
            options=EvidenceOptions(metric, by, resamples, permutations, assume_icc, clips_per_speaker),
        )
    if json:
        print_json(result)
    else:
        typer.echo(evaluation_text(result, loaded.targets.names))


def predict(
    run: RunPath,
    cache: CachePath,
    *,
    out: Annotated[Path, typer.Option(help="CSV to write: the training label file's columns.")],
    ids: Annotated[
        Path | None, typer.Option(help="Table or list of clip ids.  [default: every clip of the cache]")
    ] = None,
    missing: Annotated[
        str, typer.Option(help="A clip that is not in the cache: error, or train-mean to fill it.")
    ] = "error",
    clip: Annotated[
        str, typer.Option(help="auto: clip to the range of the training labels; none: as predicted.")
    ] = "auto",
    allow_recipe_diff: RecipeDiff = False,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Write the intensities of exactly the clips asked for, in their order."""
    check_choice("--missing", missing, ("error", "train-mean"))
    check_choice("--clip", clip, ("auto", "none"))
    from train.runs.predict import predict as run_predict
    from train.runs.predict import read_ids, write_submission
    from train.runs.run_folder import load_run

    with threads_of(threads):
        loaded = load_run(run)
        wanted = read_ids(ids) if ids else None
        predictions = run_predict(
            loaded,
            cache,
            wanted.clip_ids if wanted else None,
            missing=missing,
            allow_recipe_diff=allow_recipe_diff,
            device=device or "auto",
        )
        notes = write_submission(out, loaded, predictions, wanted, clip=clip == "auto")
    if predictions.filled:
        typer.echo(
            f"{counted(len(predictions.filled), 'clip')} not in the cache got the training mean: "
            f"{', '.join(predictions.filled)}",
            err=True,
        )
    if json:
        print_json({"out": str(out), **notes})
    else:
        how = (
            "clipped to the training labels' range (--clip none keeps them)"
            if clip == "auto"
            else "unclipped"
        )
        typer.echo(
            f"{out}: {counted(len(predictions.clip_ids), 'clip')}, {', '.join(predictions.names)}, {how}"
        )
