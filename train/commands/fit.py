"""``emi-train fit`` in clips → extract → cache → train → intensities: one head."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.console import print_json
from train.commands.options import CachePath, Device, Json, Names, Threads, names_in, threads_of


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
