"""Predictions of a finished head for exactly the clips asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.ids import KnownIds, nearly_matching
from cache.common.words import counted
from train.errors import LabelError, RunError
from train.features.batches import load_features
from train.features.inputs import require_inputs
from train.labels.coverage import opened
from train.machine import choose_device, deterministic
from train.runs.forward import apply_head
from train.runs.precision import require_precision
from train.runs.recipe_match import as_trained, checked_recipe
from train.runs.run_folder import Run

FloatArray = npt.NDArray[np.float64]
SHOWN = 10  # ids named in an error


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
        clip_ids: as ``KnownIds`` finds them; default: every clip of the cache.
        missing: "error", or "train-mean" to fill clips that the cache does not hold.
        allow_recipe_diff: go on when the cache's recipe differs, and record how.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        LabelError: if the cache does not hold a clip.
        RunError: if the cache's recipe differs from the one the head was trained on, or what the head predicts
            is not finite.
        ConfigError: if the cache has not the fields that the head needs, or the device not its precision.
    """
    with opened(cache) as reader:
        diff = checked_recipe(run, reader, allow_recipe_diff)
        wanted = reader.clip_ids if clip_ids is None else _ids_in(reader, clip_ids)
        absent = tuple(clip_id for clip_id in wanted if clip_id not in reader)
        if absent and missing != "train-mean":
            raise LabelError(_absent_text(reader, absent, len(wanted)))
        values = np.tile(run.targets.mean, (len(wanted), 1))
        present = np.array([clip_id in reader for clip_id in wanted], dtype=np.bool_)
        if present.any():
            values[present] = _mean_of_members(
                run, reader, [each for each in wanted if each in reader], device
            )
    return Predictions(wanted, values, run.targets.names, absent, diff)


def _ids_in(reader: CacheReader, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the cache's ids of the clips that are asked for; what it does not hold stays as it is written."""
    known = KnownIds(reader.clip_ids)
    return tuple(known.find(text) or text for text in texts)


def _absent_text(reader: CacheReader, absent: Sequence[str], total: int) -> str:
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    return (
        f"{reader.path}: {len(absent)} of the {total} clips asked for are not in the cache: "
        f"{', '.join(absent[:SHOWN])}{more}; extract them, or fill them with --missing train-mean"
        f"{nearly_matching(absent, reader.clip_ids)}"
    )


def _mean_of_members(run: Run, reader: CacheReader, clip_ids: Sequence[str], device: str) -> FloatArray:
    """Return the mean output (clips, targets) of a run's head and of the others of its ensemble."""
    with as_trained(run, reader) as source:
        members = [_output(each, source, clip_ids, device) for each in (run, *run.others)]
    return np.asarray(np.mean(members, axis=0), dtype=np.float64)


def _output(run: Run, reader: CacheReader, clip_ids: Sequence[str], device: str) -> FloatArray:
    """Return one head's output (clips, targets)."""
    config, where = replace(run.config, layer=run.layer), choose_device(device)
    require_inputs(reader, run.layer, config.vad, run.head.shape.width, run.path)
    require_precision(config, run.head.shape.width, where)
    features = load_features(reader, clip_ids, config)
    with deterministic(where):
        values = apply_head(run.head.to(where), features, np.arange(len(clip_ids)), config)
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise RunError(
            f"{run.path}: predicts what is not finite for {counted(len(bad), 'clip')} ({clip_ids[bad[0]]}, …); "
            "look at the head's training (--lr, --precision float32) and at these clips of the cache"
        )
    return values
