"""``emi-train fit`` in clips → extract → cache → train → intensities: one head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cache.common.console import print_json
from train.commands.options import (
    CachePath,
    Device,
    Json,
    MinCoverage,
    Strict,
    Threads,
    label_options,
    threads_of,
)

if TYPE_CHECKING:
    from train.config import FitConfig
    from train.labels.label_files import LabelFiles


@label_options
def fit(
    cache: CachePath,
    *,
    out: Annotated[Path, typer.Option(help="Run folder to write.")],
    files: LabelFiles,
    config: Annotated[
        Path | None, typer.Option(help="JSON or TOML file of config fields; options override it.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--from", help="Run whose config to take; options override it.")
    ] = None,
    train_on_all: Annotated[
        bool,
        typer.Option(
            "--train-on-all", help="Final fit on train and valid, with the epochs --from RUN found."
        ),
    ] = False,
    ensemble: Annotated[
        int, typer.Option(min=1, help="Fit this many seeds; predictions are their mean.")
    ] = 1,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Cross-validation: each clip is reported on once.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="speaker: with --folds, each speaker's clips stay in one fold.")
    ] = None,
    allow_speaker_overlap: Annotated[
        bool, typer.Option("--allow-speaker-overlap", help="Folds without --group; scores will be too high.")
    ] = False,
    layer: Annotated[int | None, typer.Option(help="Encoder layer.  [default: the last one cached]")] = None,
    global_mean: Annotated[bool | None, typer.Option(help="Global mean vector.  [default: on]")] = None,
    fusion_head: Annotated[
        bool | None, typer.Option(help="Linear, Tanh, Linear; off: one linear layer.  [default: on]")
    ] = None,
    lstm: Annotated[bool | None, typer.Option(help="Last LSTM output.  [default: on]")] = None,
    vad: Annotated[
        bool | None, typer.Option(help="Arousal, dominance, valence per frame.  [default: on]")
    ] = None,
    temporal: Annotated[
        str | None, typer.Option(help="lstm, gru, bilstm or attention.  [default: lstm]")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="LSTM units.  [default: the input width]")] = None,
    lstm_layers: Annotated[int | None, typer.Option(help="LSTM layers.  [default: 2]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.  [default: 10]")] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better score.  [default: never]")
    ] = None,
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
    min_coverage: MinCoverage = None,
    threads: Threads = None,
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    json: Json = False,
) -> None:
    """Fit one head. Stopped at any instant, the same command goes on where it was."""
    given = dict(locals())
    if ensemble > 1 and folds is not None:
        raise typer.BadParameter("cannot be combined with --folds", param_hint="--ensemble")
    from train.commands.config_options import build_config

    with threads_of(threads):
        built = build_config(given, config, like, train_on_all=train_on_all)
        if folds is not None:
            text, found = _folds(cache, files, built, out, given)
        else:
            text, found = _heads(cache, files, built, out, given)
    if json:
        print_json({"run": str(out), **found})
    else:
        typer.echo(f"{text}\n\nrun folder: {out}")


Result = tuple[str, dict[str, Any]]


def _heads(cache: Path, files: LabelFiles, config: FitConfig, out: Path, given: dict[str, Any]) -> Result:
    """Fit one head or an ensemble of seeds; return what a person and what a machine reads."""
    from train.fitting.fit import Surroundings
    from train.fitting.fit import fit as run_fit
    from train.report.terminal import ensemble_text, results_text
    from train.studies.ensemble import fit_seeds
    from train.studies.options import RepeatOptions

    splits, inputs = files.read(), files.to_dict()
    overwrite, strict = given["overwrite"], given["strict"]
    if given["ensemble"] > 1:
        repeat = RepeatOptions(out, overwrite, strict, inputs)
        ensemble = fit_seeds(cache, splits, config, given["ensemble"], repeat)
        return ensemble_text(ensemble), ensemble.to_dict()
    around = Surroundings(strict=strict)
    run = run_fit(cache, splits, config, out, overwrite=overwrite, inputs=inputs, surroundings=around)
    return results_text(run.metrics, run.targets.names), run.metrics


def _folds(cache: Path, files: LabelFiles, config: FitConfig, out: Path, given: dict[str, Any]) -> Result:
    """Fit one head for each fold; return what a person and what a machine reads."""
    from train.report.terminal import folds_text
    from train.studies.cross_validation import Folding, fit_folds, read_all_labels
    from train.studies.options import RepeatOptions

    folding = Folding(given["folds"], given["group"], given["allow_speaker_overlap"])
    labels = read_all_labels(files)
    repeat = RepeatOptions(out, given["overwrite"], given["strict"])
    found = fit_folds(cache, labels, config, folding, repeat)
    return folds_text(found), found
