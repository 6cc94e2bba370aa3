"""Command line of train, clips → extract → cache → train → intensities: fit a head, score it, use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cache.console import print_json, run_command_line

app = typer.Typer(
    name="emi-train",
    help="Fit the LSTM fusion head from a feature cache; score it; predict with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
CachePath = Annotated[Path, typer.Argument(metavar="CACHE", help="Folder of the feature cache.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
Names = Annotated[
    str | None, typer.Option(help="Target columns, comma-separated.  [default: all numeric columns]")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads.  [default: all cores]")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.  [default: auto]")]
RecipeDiff = Annotated[
    bool,
    typer.Option("--allow-recipe-diff", help="Go on with a cache of another recipe; record the difference."),
]


@app.command()
def fit(
    cache: CachePath,
    *,
    out: Annotated[Path, typer.Option(help="Run folder to write.")],
    train: Annotated[Path | None, typer.Option(help="Label table of the training clips.")] = None,
    valid: Annotated[Path | None, typer.Option(help="Label table of the validation clips.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Folder of train_split.csv and valid_split.csv, or a table with a split column."),
    ] = None,
    speakers: Annotated[Path | None, typer.Option(help="Table clip_id,speaker.")] = None,
    targets: Names = None,
    config: Annotated[
        Path | None, typer.Option(help="JSON file of config fields; options override it.")
    ] = None,
    layer: Annotated[int | None, typer.Option(help="Encoder layer.  [default: the last one cached]")] = None,
    global_mean: Annotated[bool | None, typer.Option(help="Global mean vector.  [default: on]")] = None,
    fusion_head: Annotated[
        bool | None, typer.Option(help="Linear, Tanh, Linear; off: one linear layer.  [default: on]")
    ] = None,
    lstm: Annotated[bool | None, typer.Option(help="Last LSTM output.  [default: on]")] = None,
    vad: Annotated[
        bool | None, typer.Option(help="Arousal, dominance, valence per frame.  [default: on]")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="LSTM units.  [default: the input width]")] = None,
    lstm_layers: Annotated[int | None, typer.Option(help="LSTM layers.  [default: 2]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.  [default: 10]")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.  [default: 0.001]")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of AdamW.  [default: 0.01]")] = None,
    warmup_epochs: Annotated[float | None, typer.Option(help="Linear warm-up.  [default: 1]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Clips per step.  [default: 32]")] = None,
    loss: Annotated[
        str | None, typer.Option(help="mse, ccc, pearson or a sum such as mse+ccc.  [default: mse]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="pearson, ccc or spearman: chooses the epoch.  [default: pearson]")
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            help="inner: choose the epoch on a part of train; last; valid: on valid.  [default: inner]"
        ),
    ] = None,
    inner_share: Annotated[float | None, typer.Option(help="Size of the inner part.  [default: 0.2]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, inner part, batches.  [default: 0]")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.  [default: float32]")] = None,
    device: Device = None,
    min_coverage: Annotated[
        float | None, typer.Option(help="Least share of labelled clips in the cache.  [default: 0.95]")
    ] = None,
    threads: Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    json: Json = False,
) -> None:
    """Fit one head. Stopped at any instant, the same command goes on where it was."""
    given = dict(locals())
    from train.config import FitConfig, read_fields
    from train.fitting import fit as run_fit
    from train.labels import read_splits
    from train.results import results_text

    with threads_of(threads):
        fields = read_fields(config) if config else {}
        options = {name: given[name] for name in FitConfig.__dataclass_fields__ if given[name] is not None}
        built = FitConfig.from_dict({**fields, **options}, where=str(config or "options"))
        splits = read_splits(train, valid, labels, speakers, names_in(targets))
        for path, ignored in {part.path: part.ignored for part in (splits.train, splits.valid)}.items():
            if ignored:
                typer.echo(f"{path}: not numeric, ignored: {', '.join(ignored)}", err=True)
        run = run_fit(cache, splits, built, out, overwrite=overwrite)
    if json:
        print_json({"run": str(out), **run.metrics})
    else:
        typer.echo(f"{results_text(run.metrics, run.targets.names)}\n\nrun folder: {out}")


@app.command()
def evaluate(
    run: RunPath,
    cache: CachePath,
    *,
    labels: Annotated[Path, typer.Option(help="Label table, or folder of <split>_split.csv.")],
    split: Annotated[
        str, typer.Option(help="Rows of a table with a split column, or file of a folder.")
    ] = "valid",
    min_coverage: Annotated[float, typer.Option(help="Least share of labelled clips in the cache.")] = 0.95,
    allow_recipe_diff: RecipeDiff = False,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Score a run on labelled clips, unclipped and clipped to the range of the training labels."""
    from train.labels import read_labels
    from train.predicting import evaluate as score
    from train.results import evaluation_text
    from train.run import load_run

    with threads_of(threads):
        loaded = load_run(run)
        labelled = read_labels(labels, loaded.targets.names, split)
        result = score(
            loaded,
            cache,
            labelled,
            min_coverage=min_coverage,
            allow_recipe_diff=allow_recipe_diff,
            device=device or "auto",
        )
    if json:
        print_json(result)
    else:
        typer.echo(evaluation_text(result, loaded.targets.names))


@app.command()
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
    from train.predicting import predict as run_predict
    from train.predicting import read_ids, write_submission
    from train.run import load_run

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
            f"{len(predictions.filled)} clip(s) not in the cache got the training mean: "
            f"{', '.join(predictions.filled)}",
            err=True,
        )
    if json:
        print_json({"out": str(out), **notes})
    else:
        typer.echo(f"{out}: {len(predictions.clip_ids)} clips, {', '.join(predictions.names)}")


@contextmanager
def threads_of(threads: int | None) -> Iterator[None]:
    """Set torch's CPU threads, and put them back."""
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def names_in(text: str | None) -> list[str] | None:
    """Return the names in a comma-separated option."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse, as a usage error, a value that an option does not know."""
    if value not in allowed:
        raise typer.BadParameter(f"found {value!r}, expected {' or '.join(allowed)}", param_hint=option)


def main() -> None:
    """Run ``emi-train``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
