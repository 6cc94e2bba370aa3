"""The simple models and the vectors that they take: of one cache, or of several streams alone, joined and late."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from cache import CacheReader
from cache.common.progress import OnProgress, Progress
from train.config import WEIGHTED, FitConfig
from train.features.batches import load_features
from train.features.inputs import VAD, choose_inputs, has_vad
from train.features.streams import stream_config
from train.labels.tables import Labels
from train.streams.stream_set import Source
from train.studies.floor.columns import FloatArray, duration_and_loudness, means
from train.studies.floor.models import Predicted, predicted

REFERENCE = "global mean, ridge"
ALL = "all streams"  # before the names of models on joined vectors


class Baseline(NamedTuple):
    """One baseline.

    Attributes:
        name: as the table shows it.
        columns: (clips, features) of all clips; no feature for the constant; NaN where a stream lacks the clip.
        model: "mean", "ridge" or "svr".
        late: columns of each stream, where each has a model of its own and their mean counts; else none.
    """

    name: str
    columns: FloatArray
    model: str
    late: tuple[int, ...] = ()

    def says(self, train: Labels, config: FitConfig) -> Predicted:
        """Fit it on the training clips, the first ones; return what it says of the others (clips, targets)."""
        parts = np.split(self.columns, np.cumsum(self.late)[:-1], axis=1) if self.late else [self.columns]
        each = [predicted(_filled(part, len(train)), self.model, train, config) for part in parts]
        return each[0] if len(each) == 1 else np.mean(each, axis=0)


def reference_of(reader: Source) -> str:
    """Return the name of the baseline that others are compared with."""
    if isinstance(reader, CacheReader):
        return REFERENCE
    names = reader.names
    return f"{ALL}: {REFERENCE}" if len(names) > 1 else f"{names[0]}: {REFERENCE}"


def all_baselines(
    reader: Source, ids: Sequence[str], config: FitConfig, progress: Progress
) -> list[Baseline]:
    """Return the baselines that the cache, or the streams, have columns for, with those of the clips ``ids``.

    Of several streams: of each alone; of the vectors of all joined; and the mean of a model of each.

    Args:
        reader: the cache, or those of several streams.
        ids: clips, each in at least one of them.
        config: its layers count.
        progress: where to report.
    """
    first = [
        Baseline("constant", np.zeros((len(ids), 0)), "mean"),
        Baseline("duration + loudness", duration_and_loudness(reader, ids), "ridge"),
    ]

    def report(stream: str, done: int, total: int) -> None:
        progress.update(lambda: f"{stream}statistics of frames  {done}/{total} clips")

    if isinstance(reader, CacheReader):
        return [*first, *_of_cache(reader, ids, config.layer, partial(report, ""))]
    streams = {}
    for name, here in reader.present(ids).items():
        cache = reader.readers[name]
        held = [clip for clip, there in zip(ids, here, strict=True) if there]
        layer = stream_config(config, name, cache).layer
        streams[name] = [
            each._replace(
                name=f"{name}: {each.name}", columns=_at(each.columns, np.flatnonzero(here), len(ids))
            )
            for each in _of_cache(cache, held, layer, partial(report, f"{name}: "))
        ]
    alone = [each for own in streams.values() for each in own]
    return [*first, *alone, *(_together(list(streams.values())) if len(streams) > 1 else [])]


def _of_cache(
    reader: CacheReader, ids: Sequence[str], layer: int | str | None, report: OnProgress
) -> list[Baseline]:
    """Return the baselines of one cache's means and statistics."""
    vad = [Baseline("VAD, ridge", means(reader, ids, [VAD]), "ridge")] if has_vad(reader) else []
    layer = None if layer == WEIGHTED else layer  # nothing is learned of layers here: the last one
    whole = means(reader, ids, choose_inputs(reader, layer, vad=has_vad(reader)).fields)
    inputs = FitConfig(layer=layer, vad=has_vad(reader), lstm=False, clip_vector="statistics")
    vectors = load_features(reader, ids, inputs, on_progress=report).global_mean
    assert vectors is not None  # noqa: S101 - they were asked for
    frames = vectors.numpy()
    return [
        *vad,
        Baseline(REFERENCE, whole, "ridge"),
        Baseline("global mean, SVR", whole, "svr"),
        Baseline("frame statistics, ridge", frames, "ridge"),
        Baseline("frame statistics, SVR", frames, "svr"),
    ]


def _together(streams: Sequence[Sequence[Baseline]]) -> list[Baseline]:
    """Return the baselines of all streams together: of joined vectors, and the mean of a model of each stream."""
    made = []
    own = [{each.name.partition(": ")[2]: each for each in stream} for stream in streams]
    for name in own[0]:
        if all(name in each for each in own):
            parts = [each[name] for each in own]
            columns = np.concatenate([part.columns for part in parts], axis=1)
            widths = tuple(part.columns.shape[1] for part in parts)
            made.append(Baseline(f"{ALL}: {name}", columns, parts[0].model))
            made.append(Baseline(f"late: {name}", columns, parts[0].model, widths))
    return made


def _at(columns: FloatArray, where: np.typing.NDArray[np.int64], clips: int) -> FloatArray:
    """Return the columns of all clips, NaN but for those at ``where``, whose columns are given."""
    whole = np.full((clips, columns.shape[1]), np.nan, dtype=columns.dtype)
    whole[where] = columns
    return whole


def _filled(columns: FloatArray, train: int) -> FloatArray:
    """Return columns with the mean of the training clips, which come first, where a clip has none."""
    lacking = np.isnan(columns)
    if not lacking.any():
        return columns
    counts = (~lacking[:train]).sum(0)
    totals = np.where(lacking[:train], 0, columns[:train]).sum(0)
    return np.where(lacking, totals / np.maximum(counts, 1), columns)
