"""Use of a head in clips → extract → cache → train → intensities: predictions for ids, scores for labels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from cache import CacheReader, read_table
from cache.common.durable import storage_errors
from cache.format.recipe import as_block
from train.config import FitConfig
from train.errors import LabelError, RunError
from train.features.batches import BatchFeed, Features, load_features
from train.features.inputs import require_inputs
from train.features.order import scoring_batches
from train.files import write_csv, write_json
from train.heads.head import FusionHead
from train.labels.coverage import check_coverage, coverage, opened
from train.labels.tables import Labels, require_speakers
from train.machine import choose_device, deterministic
from train.runs.projected_reader import as_trained
from train.runs.run_folder import Run
from train.scores.metrics import score_all

if TYPE_CHECKING:
    from train.scores.evidence import EvidenceOptions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SHOWN = 10  # ids named in an error


@dataclass(frozen=True)
class Wanted:
    """Ids that somebody asked for.

    Attributes:
        clip_ids: (clips,) by the one id rule.
        written_ids: (clips,) as the table writes them.
    """

    clip_ids: tuple[str, ...]
    written_ids: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """Intensities of some clips.

    Attributes:
        clip_ids: (clips,) in the order asked for.
        values: (clips, targets) float64, unclipped.
        names: of the targets.
        filled: ids that the cache does not hold and that got the training mean.
        recipe_diff: how the cache's recipe differs from the one the head was trained on.
    """

    clip_ids: tuple[str, ...]
    values: FloatArray
    names: tuple[str, ...]
    filled: tuple[str, ...]
    recipe_diff: tuple[str, ...]


def apply_head(head: FusionHead, features: Features, positions: IntArray, config: FitConfig) -> FloatArray:
    """Return the head's output (clips, targets) for the clips at ``positions``, in that order."""
    device = next(head.parameters()).device
    feed = BatchFeed(features, device)
    output = np.empty((len(positions), head.shape.targets), dtype=np.float64)
    head.eval()
    with torch.inference_mode():
        parts = scoring_batches(features.lengths[positions], config.batch_size)
        for part, (_, batch) in zip(parts, feed([positions[part] for part in parts]), strict=True):
            with autocast(config, device):
                output[part] = head(*batch).double().cpu().numpy()
    return output


def autocast(config: FitConfig, device: torch.device) -> Any:
    """Return the context of a forward pass in the config's precision."""
    return torch.autocast(device.type, torch.bfloat16) if config.precision == "bfloat16" else nullcontext()


def predict(
    run: Run,
    cache: CacheReader | Path | str,
    clip_ids: Sequence[str] | None = None,
    *,
    missing: str = "error",
    allow_recipe_diff: bool = False,
    device: str = "auto",
) -> Predictions:
    """Predict the intensities of exactly the clips asked for, in their order.

    Args:
        run: a finished run.
        cache: with the recipe that the run was trained on; for a compact one, also the full cache that it
            was made from: the projection that lies in the run is applied.
        clip_ids: default: every clip of the cache.
        missing: "error", or "train-mean" to fill clips that the cache does not hold.
        allow_recipe_diff: go on when the cache's recipe differs, and record how.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        LabelError: if the cache does not hold a clip.
        RunError: if the cache's recipe differs from the one the head was trained on.
        ConfigError: if the cache has not the fields that the head needs.
    """
    with opened(cache) as reader:
        diff = _checked_recipe(run, reader, allow_recipe_diff)
        wanted = tuple(reader.clip_ids if clip_ids is None else clip_ids)
        absent = tuple(clip_id for clip_id in wanted if clip_id not in reader)
        if absent and missing != "train-mean":
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            raise LabelError(
                f"{reader.path}: {len(absent)} of the {len(wanted)} clips asked for are not in the cache: "
                f"{', '.join(absent[:SHOWN])}{more}; extract them, or fill them with --missing train-mean"
            )
        values = np.tile(run.targets.mean, (len(wanted), 1))
        present = np.array([clip_id in reader for clip_id in wanted], dtype=np.bool_)
        if present.any():
            ids = [clip_id for clip_id in wanted if clip_id in reader]
            with as_trained(run, reader) as source:
                members = [_apply(each, source, ids, device) for each in (run, *run.others)]
            values[present] = np.mean(members, axis=0)
    return Predictions(wanted, values, run.targets.names, absent, diff)


def _apply(run: Run, reader: CacheReader, clip_ids: Sequence[str], device: str) -> FloatArray:
    """Return one head's output (clips, targets)."""
    config, where = replace(run.config, layer=run.layer), choose_device(device)
    require_inputs(reader, run.layer, config.vad, run.head.shape.width, run.path)
    features = load_features(reader, clip_ids, config)
    with deterministic(where):
        return apply_head(run.head.to(where), features, np.arange(len(clip_ids)), config)


def evaluate(
    run: Run,
    cache: CacheReader | Path | str,
    labels: Labels,
    *,
    min_coverage: float = 0.95,
    allow_recipe_diff: bool = False,
    device: str = "auto",
    options: EvidenceOptions | None = None,
) -> dict[str, Any]:
    """Score a head on labelled clips.

    Args:
        run: a finished run.
        cache: with the recipe that the run was trained on; for a compact one, also the full cache that it
            was made from: the projection that lies in the run is applied.
        labels: of the clips to score; clips that the cache does not hold are counted.
        min_coverage: least share of the labelled clips that the cache must hold.
        allow_recipe_diff: go on when the cache's recipe differs, and record how.
        device: "auto", "cpu", "cuda" or "cuda:N".
        options: which intervals, null and groups; default: those of the run's metric, no groups.

    Returns:
        ``scores`` unclipped and ``scores_clipped`` to the training labels' range, what ``evidence`` gives
        for the unclipped ones, ``clips``, ``coverage``, ``trained_on`` (how many of the clips shaped this
        head; None if its run, an unpacked bundle, does not know), ``selected_on`` and ``recipe_diff``.

    Raises:
        LabelError: if the targets are not the head's, or too few clips are in the cache, or speakers
            are known of some of them only.
        RunError: if the cache's recipe differs from the one the head was trained on.
    """
    from train.scores.evidence import EvidenceOptions, evidence  # with scipy, which a fit does not wait for
    from train.scores.groups import group_of_clips

    if labels.names != run.targets.names:
        raise LabelError(
            f"{labels.path}: its targets are {', '.join(labels.names)}, the run's are "
            f"{', '.join(run.targets.names)}; name them with --targets"
        )
    options = options or EvidenceOptions()
    with opened(cache) as reader:
        found = coverage(labels, reader)
        check_coverage(found, labels, reader, min_coverage)
        kept = labels.take([i for i, clip_id in enumerate(labels.clip_ids) if clip_id in reader])
        require_speakers(kept)
        groups = group_of_clips(kept, reader, options.by) if options.by else None
    predictions = predict(run, cache, kept.clip_ids, allow_recipe_diff=allow_recipe_diff, device=device)
    names, shaped = run.targets.names, run.trained_on()
    return {
        **evidence(kept, predictions.values[None], run.config.metric, options, groups),
        "scores": score_all(kept.targets, predictions.values, names),
        "scores_clipped": score_all(kept.targets, run.targets.clipped(predictions.values), names),
        "clips": len(kept),
        "coverage": found,
        "trained_on": None if shaped is None else len(shaped & set(kept.clip_ids)),
        "selected_on": run.metrics["selected_on"],
        "recipe_diff": list(predictions.recipe_diff),
    }


def read_ids(path: Path) -> Wanted:
    """Read the ids to predict from a table or a bare list, in its order.

    Raises:
        TableError: if the table or an id cannot be understood.
    """
    table = read_table(path)
    clip_ids = table.ids()
    column = table.id_column
    return Wanted(tuple(clip_ids), tuple(row[column] for row in table.rows) if column else tuple(clip_ids))


def write_submission(
    path: Path, run: Run, predictions: Predictions, wanted: Wanted | None = None, *, clip: bool = True
) -> dict[str, Any]:
    """Write predictions in the training label file's columns, and what is worth a note beside them.

    Args:
        path: of the CSV; with something to note, ``<path>.notes.json`` lies beside it.
        run: that predicted.
        predictions: of ``predict``.
        wanted: the ids as the user writes them.
        clip: bring the values into the range of the training labels, in this file only.

    Returns:
        The notes: ``clips``, ``clipped``, ``filled``, ``recipe_diff``, ``selected_on``.
    """
    values = run.targets.clipped(predictions.values) if clip else predictions.values
    written = wanted.written_ids if wanted else predictions.clip_ids
    notes = {
        "clips": len(predictions.clip_ids),
        "clipped": clip,
        "filled": list(predictions.filled),
        "recipe_diff": list(predictions.recipe_diff),
        "selected_on": run.metrics["selected_on"],
    }
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(path, run.targets.id_column, written, values, predictions.names)
    beside = path.with_name(path.name + ".notes.json")
    if predictions.filled or predictions.recipe_diff:
        write_json(beside, notes)
    else:
        beside.unlink(missing_ok=True)  # of an earlier prediction of the same name
    return notes


def write_predictions(
    path: Path, id_column: str, written_ids: Sequence[str], values: FloatArray, names: Sequence[str]
) -> None:
    """Write a submission file: the training label file's columns, one row per clip.

    Nine digits give back every bit of a float32.
    """
    rows = (
        [clip_id, *(f"{value:.9g}" for value in row)]
        for clip_id, row in zip(written_ids, values, strict=True)
    )
    write_csv(path, [id_column, *names], rows)


def _checked_recipe(run: Run, reader: CacheReader, allow: bool) -> tuple[str, ...]:
    if run.recipe.same_values(reader.recipe) or run.recipe.is_made_from(reader.recipe):
        return ()
    diff = tuple(run.recipe.differences(reader.recipe))
    if not allow:
        raise RunError(
            f"{reader.path}: made with another recipe than the cache {run.path} was trained on "
            f"(trained -> found):{as_block(diff)}Use that cache, or go on with --allow-recipe-diff"
        )
    return diff
