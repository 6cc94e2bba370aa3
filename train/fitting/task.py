"""What a fit is about: which clips are trained on, choose the epoch, and are reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from train.config import FitConfig
from train.errors import ConfigError, LabelError
from train.features.inputs import Layer, choose_inputs
from train.fitting.stream_plan import StreamPlan, absent_clips, plan_streams, require_streams
from train.labels.classes import require_one_hot, require_shares
from train.labels.coverage import cached, check_coverage, coverage, is_compact
from train.labels.divide import inner_split
from train.labels.missing import labelled, no_training_label
from train.labels.tables import Labels, Splits, require_known_speakers, require_speakers
from train.labels.weights import normalised
from train.losses.registry import SOFTMAX
from train.losses.total import looks_across_clips
from train.machine import choose_device
from train.runs.precision import require_precision
from train.scores.registry import traits_of
from train.streams.stream_set import Source, StreamSet, as_missing, recipe_ids

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What a fit is about, decided before any feature is read.

    Attributes:
        config: the recipe.
        train: training labels of the clips in the cache.
        valid: validation labels of the clips in the cache.
        parts: positions of "fit", "inner" and "valid" among the train clips followed by the valid clips.
        inner_by: "speaker" or "clip"; None without an inner part.
        layer: encoder layer; None for a cache without layers, and for several streams.
        coverage: labelled and cached clips.
        identity: what decides the head and its predictions, in parts.
        weights: (clips,) of the train clips followed by the valid clips in the loss, the mean over those that are
            trained on being 1; None: all count alike.
        speakers: digest of the clips' speakers, which decide the interval too.
        streams: what is taken of each stream, in the order of their names; empty for a single cache.
    """

    config: FitConfig
    train: Labels
    valid: Labels
    parts: dict[str, IntArray]
    inner_by: str | None
    layer: Layer
    coverage: dict[str, Any]
    identity: dict[str, Any]
    speakers: str
    weights: FloatArray | None = None
    streams: Mapping[str, StreamPlan] = field(default_factory=dict)

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """All clips: those of train, then those of valid."""
        return self.train.clip_ids + self.valid.clip_ids

    @property
    def speakers_of_clips(self) -> tuple[str | None, ...]:
        """The speaker of each of them."""
        return (*self.train.speakers, *self.valid.speakers)

    @property
    def truth(self) -> FloatArray:
        """Labels of all clips, (clips, targets)."""
        return np.concatenate([self.train.targets, self.valid.targets])

    @property
    def chooser(self) -> IntArray:
        """Positions of the clips that choose the epoch; empty for the last epoch."""
        return self.parts.get(self.config.select, np.empty(0, dtype=np.int64))


def plan_fit(reader: Source, labels: Splits, config: FitConfig) -> Task:
    """Join labels and cache, and divide the training clips; no feature is read.

    Raises:
        LabelError: if labels and cache have too few clips in common, or too few to divide, speakers are
            known of some clips only, or no clip that is trained on has a label of a target.
        ConfigError: if the cache has not the fields that the config asks for, the device not its precision, or
            the loss needs larger batches.
    """
    if config.batch_size == 1 and looks_across_clips(config.loss_terms):
        raise ConfigError(
            f"loss {config.loss}: a correlation over a batch of one clip does not exist, found batch_size 1; "
            "use a larger --batch-size or --loss mse"
        )
    require_streams(reader, config)
    reader = as_missing(reader, config.missing)
    covered = _coverage(reader, labels, config.min_coverage)
    train, valid = (cached(part, reader) for part in (labels.train, labels.valid))
    require_speakers(train, valid)
    if config.by_speaker:
        require_known_speakers(train, valid)
    parts, inner_by = _divided(train, valid, config)
    _require_labels(train, valid, parts["fit"])
    weights = normalised((train, valid), parts["fit"])
    _require_classes(train, valid, config)
    ids, layer, streams = train.clip_ids + valid.clip_ids, None, {}
    if isinstance(reader, StreamSet):
        streams = plan_streams(reader, config, ids, parts["fit"])
        covered["streams"] = absent_clips(streams, ids, len(train))
    else:
        layer = _layer(reader, config)
    identity = {
        "config": config.to_dict(),
        "recipe_id": recipe_ids(reader),
        "clips and labels": _digest(reader, train, valid, parts, weights),
    }
    speakers = json.dumps([train.speakers, valid.speakers])
    digest = hashlib.sha256(speakers.encode()).hexdigest()
    if config.by_speaker:  # then they decide the head, too
        identity["speakers"] = digest
    return Task(config, train, valid, parts, inner_by, layer, covered, identity, digest, weights, streams)


def _layer(reader: CacheReader, config: FitConfig) -> Layer:
    """Return the layer that a config takes of a cache, or all that it weighs; None for a cache without layers."""
    inputs = choose_inputs(reader, config.layer, config.vad)
    require_precision(config, inputs.head_width, choose_device(config.device, compact=is_compact(reader)))
    return inputs.layer


def _coverage(reader: Source, labels: Splits, least: float) -> dict[str, Any]:
    """Return which labelled clips are cached and which cached ones are not labelled."""
    covered = {"train": coverage(labels.train, reader), "valid": coverage(labels.valid, reader)}
    check_coverage(covered["train"], labels.train, reader, least)
    check_coverage(covered["valid"], labels.valid, reader, least)
    labelled = {clip_id for part in (labels.train, labels.valid) for clip_id in cached(part, reader).clip_ids}
    unlabelled = [clip_id for clip_id in reader.clip_ids if clip_id not in labelled]
    return {**covered, "unlabelled": unlabelled}


def _divided(train: Labels, valid: Labels, config: FitConfig) -> tuple[dict[str, IntArray], str | None]:
    """Return the positions of each part, and by what the inner part was divided off."""
    parts = {"fit": np.arange(len(train)), "valid": len(train) + np.arange(len(valid))}
    if config.train_on_all:
        parts["fit"] = np.concatenate([parts["fit"], parts.pop("valid")])
    if config.select != "inner":
        return parts, None
    split = inner_split(train.clip_ids, train.speakers, config.inner_share, config.seed)
    return {**parts, "fit": split.fit, "inner": split.inner}, split.by


def _require_labels(train: Labels, valid: Labels, where: IntArray) -> None:
    """Refuse targets of which no clip that is trained on has a label: the head would say anything of them."""
    some = labelled(np.concatenate([train.targets, valid.targets])[where])
    if not some.all():
        lacking = [name for name, found in zip(train.names, some, strict=True) if not found]
        raise LabelError(no_training_label(train.path, lacking, len(where)))


def _require_classes(train: Labels, valid: Labels, config: FitConfig) -> None:
    """Refuse labels that are no classes, where the loss or the metric is one of classes."""
    for labels in (train, valid):
        if config.loss in SOFTMAX:
            require_shares(labels, f"loss {config.loss}")
        if traits_of(config.metric).of_classes:
            require_one_hot(labels, f"metric {config.metric}")


def _digest(
    reader: Source, train: Labels, valid: Labels, parts: dict[str, IntArray], weights: FloatArray | None
) -> str:
    """Return a hash of the clips, their sound, their labels, their parts and their weights."""
    ids = train.clip_ids + valid.clip_ids
    names = [train.names, ids, train.written_ids + valid.written_ids, train.id_column]
    text = json.dumps([names, {part: where.tolist() for part, where in parts.items()}])
    digest = hashlib.sha256(text.encode())
    for array in (train.targets, valid.targets, *_sounds(reader, ids)):
        digest.update(np.ascontiguousarray(array).tobytes())
    if weights is not None:
        digest.update(weights.tobytes())
    return digest.hexdigest()


def _sounds(reader: Source, ids: tuple[str, ...]) -> Iterator[npt.NDArray[Any]]:
    """Yield the hashes of the clips' content; of each stream, which of them it holds and theirs."""
    if not isinstance(reader, StreamSet):
        yield reader.clip_table("clips/audio_sha256", ids)
        return
    for name, here in reader.present(ids).items():
        held = [clip for clip, there in zip(ids, here, strict=True) if there]
        yield here
        yield reader.readers[name].clip_table("clips/audio_sha256", held)
