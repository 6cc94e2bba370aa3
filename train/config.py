"""Config of a fit: every choice that decides a head, each declared once with its help and range.

The defaults are the method's recipe for a frozen encoder (arXiv 2403.11879). Command lines, config files and the
grids of ablations are made from these fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.common.option_fields import (
    INNER_SHARE,
    ONE_OR_MORE,
    POSITIVE,
    SHARE,
    ZERO_OR_MORE,
    Range,
    check_options,
    option,
    require_known,
)
from train.config_file import read_fields
from train.errors import ConfigError
from train.heads.registry import ALL_FUSIONS, MOST_LAYERS, MOST_UNITS, TEMPORAL_MODELS
from train.losses.registry import LOSSES, SUM, is_loss
from train.scores.registry import CHOOSING
from train.streams.settings import MISSING, STREAMS, TOKEN, StreamSettings, parse_settings

SELECTIONS = ("inner", "last", "valid")
WEIGHTED = "weighted"  # all cached layers, summed with learned weights
MEAN, STATISTICS, COMPONENTS = "mean", "statistics", "components"
CLIP_VECTORS = (MEAN, STATISTICS, COMPONENTS)
STANDARDS = ("none", "train", "speaker")
PRECISIONS = ("float32", "bfloat16")
SWITCHES = ("lstm", "global_mean", "fusion_head", "vad")  # the method's parts, on or off
# Not in the files of older versions, which mean this value.
LATER_FIELDS: dict[str, Any] = {
    "fusion": "concat",
    "warmup_from": 1,
    "standardise": "none",
    "clip_vector": "mean",
    "dropout": 0.0,
    "refit": False,
    "streams": StreamSettings(),
    "stream_dropout": 0.0,
    "missing": TOKEN,
    "query": None,
}
SEEDS = Range("0 to 2^63 - 1", lambda value: 0 <= value < 2**63)
LESS_THAN_ALL = Range("at least 0 and below 1", lambda value: 0 <= value < 1)
UNITS = Range(f"1 to {MOST_UNITS:,}", lambda value: 1 <= value <= MOST_UNITS)
LAYER = Range(
    f"a layer's number or {WEIGHTED}", lambda value: value == WEIGHTED or not isinstance(value, str)
)
ZERO_OR_ONE = Range("0 or 1", lambda value: value in (0, 1))
LAYERS = Range(f"1 to {MOST_LAYERS:,}", lambda value: 1 <= value <= MOST_LAYERS)


def parse_layer(text: str) -> int | str:
    """Return what a command line says of the layer: its number, or text as it is."""
    return int(text) if text.removeprefix("-").isdecimal() else text


@dataclass(frozen=True)
class FitConfig:
    """Every choice that decides the values of one head, beside its cache and its labels.

    Attributes:
        layer: cached encoder layer; None takes the last one, "weighted" a sum of all by learned weights.
        global_mean: feed the mean over the clip's frames to the head.
        clip_vector: what feeds the head as the global mean: that ("mean", the method's), or "statistics" of the
            frames: per channel mean, deviation, five quantiles, and mean size and deviation of its steps; or
            "components": those, then the same of the frames' principal components, and their means over four
            parts of the clip.
        fusion_head: fuse what feeds the head by ``fusion``; off, by one linear layer.
        lstm: feed the temporal model's output to the head; by default the last LSTM output.
        vad: join arousal, dominance and valence to every frame.
        standardise: whether each input channel is moved and divided by its mean and deviation: over the clips
            that are trained on ("train", kept in the run), over each speaker's clips ("speaker"), or not ("none",
            the method's).
        temporal: the temporal model: "lstm" is the method's; or another of ``TEMPORAL_MODELS``.
        fusion: how the global mean and the temporal model's output are fused: one of ``FUSIONS``; of several
            streams those of all, or by one of ``STREAM_FUSIONS``.
        dropout: share of the values that reach the fusion which is left out at random in training; 0 as published.
        hidden: units of the temporal model (per direction); None takes the input width.
        lstm_layers: its layers.
        epochs: passes over the training clips; the schedule of the learning rate spans them.
        stop_after: epochs that are done of those; None does them all.
        patience: epochs without a better score after which the fit ends; None never ends it early.
        lr: highest learning rate.
        weight_decay: of AdamW.
        warmup_epochs: epochs of linear warm-up before the cosine.
        warmup_from: step s of a warm-up of n steps takes lr · (s + this) / n, s from 0: 0 as published, 1 as
            older versions did; a whole config without this field is theirs.
        batch_size: clips per step.
        loss: one of ``LOSSES``, or a sum such as "mse+ccc".
        metric: what chooses the epoch and leads the tables.
        select: "inner" part of the training data, "last" epoch, or on "valid" itself.
        refit: once the epoch is chosen on the inner part, fit again on all training clips, for as many epochs.
        train_on_all: learn from the validation clips too; nothing is left to report on then.
        inner_share: share of the training clips set aside for ``select="inner"``.
        seed: of weights, inner split and batch order.
        precision: "float32" or "bfloat16" autocast.
        device: "auto", "cpu", "cuda" or "cuda:N".
        min_coverage: least share of the labelled clips that the cache must hold, per split.
        streams: of several caches, what one of them has other than the rest of the config says.
        stream_dropout: share of a clip's streams that is left out at random in training, never all of them.
        missing: a clip that a stream lacks is an error ("refuse"), has learned values in its place ("token"), or
            is a clip that no stream has ("drop").
        query: the stream that asks, where a fusion has one; None takes "text", else the first by name.

    Raises:
        ConfigError: if a value is out of range or switches do not go together.
    """

    layer: int | str | None = option(
        None,
        "Encoder layer, or weighted: all cached ones, by learned weights.",
        within=LAYER,
        shown="the last one cached",
        typed=str,
        parse=parse_layer,
    )
    global_mean: bool = option(True, "Global mean vector.")
    clip_vector: str = option(
        "mean",
        "The global mean, or in its place statistics of the frames, or of their components too.",
        choices=CLIP_VECTORS,
    )
    fusion_head: bool = option(True, "Linear, Tanh, Linear; off: one linear layer.")
    lstm: bool = option(True, "Last LSTM output.")
    vad: bool = option(True, "Arousal, dominance, valence per frame.")
    standardise: str = option(
        "none", "Inputs, per channel: by the training clips (train), by each speaker's own (speaker), or none.",
        choices=STANDARDS,
    )  # fmt: skip
    temporal: str = option("lstm", f"{TEMPORAL_MODELS.choices()}.", choices=TEMPORAL_MODELS)
    fusion: str = option("concat", f"{', '.join(ALL_FUSIONS)}.", choices=ALL_FUSIONS)
    dropout: float = option(0.0, "Of what reaches the fusion, in training.", within=LESS_THAN_ALL)
    hidden: int | None = option(None, "LSTM units.", within=UNITS, shown="the input width")
    lstm_layers: int = option(2, "LSTM layers.", within=LAYERS)
    epochs: int = option(10, "Epochs; the schedule of the learning rate spans them.", within=ONE_OR_MORE)
    stop_after: int | None = option(
        None, "End after so many of the epochs.", within=ONE_OR_MORE, shown="all of them"
    )
    patience: int | None = option(
        None, "End after so many epochs without a better score.", within=ONE_OR_MORE, shown="never"
    )
    lr: float = option(1e-3, "Highest learning rate.", within=POSITIVE)
    weight_decay: float = option(0.01, "Of AdamW.", within=ZERO_OR_MORE)
    warmup_epochs: float = option(1.0, "Linear warm-up.", within=ZERO_OR_MORE)
    warmup_from: int = option(
        0, "First step of the warm-up: 0 as published.", within=ZERO_OR_ONE, vary=False, offered=False
    )
    batch_size: int = option(32, "Clips per step.", within=ONE_OR_MORE)
    loss: str = option("mse", f"{LOSSES.choices()}; or a sum such as mse+ccc.")
    metric: str = option("pearson", f"Chooses the epoch: {', '.join(CHOOSING)}.", choices=CHOOSING)
    select: str = option(
        "inner", "inner: choose the epoch on a part of train; last; valid: on valid.", choices=SELECTIONS
    )
    refit: bool = option(False, "With the epoch that the inner part chose, fit again on all of train.")
    train_on_all: bool = option(
        False,
        "Final fit on train and valid, with the epochs that --from RUN found.",
        flag="--train-on-all",
        vary=False,
    )
    inner_share: float = option(0.2, "Size of the inner part.", within=INNER_SHARE)
    seed: int = option(0, "Of weights, inner part, batches.", within=SEEDS, vary=False)
    precision: str = option("float32", "float32 or bfloat16.", choices=PRECISIONS)
    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    min_coverage: float = option(0.95, "Least share of labelled clips in the cache.", within=SHARE)
    streams: StreamSettings = option(
        StreamSettings(),
        "Of one stream: streams.NAME.FIELD=VALUE, such as streams.text.temporal=attention; often.",
        flag="--set",
        shown="every stream as the rest says",
        typed=list[str],
        parse=parse_settings,
    )
    stream_dropout: float = option(0.0, "Of a clip's streams, in training; never all.", within=LESS_THAN_ALL)
    missing: str = option(
        TOKEN,
        "A clip that a stream lacks: refuse, a learned token, or drop the clip.",
        choices=MISSING,
        vary=False,
    )
    query: str | None = option(None, "Stream that asks, in some fusions.", shown="text, else the first")

    def __post_init__(self) -> None:
        if isinstance(self.streams, dict):  # as files have it
            object.__setattr__(self, STREAMS, StreamSettings(self.streams))
        check_options(self, ConfigError)
        self._check_texts()
        self._check_combinations()
        for name in self.streams:
            self.of_stream(name)

    def of_stream(self, name: str) -> FitConfig:
        """Return the config of one stream: its own fields where it has any, else those that all have.

        Raises:
            ConfigError: if a value is out of range or fields do not go together; it names the stream.
        """
        others = {STREAMS: StreamSettings(), "stream_dropout": 0.0, "missing": TOKEN, "query": None}
        try:
            return dataclasses.replace(self, **{**others, **self.streams.get(name, {})})
        except ConfigError as error:
            raise ConfigError(f"streams.{name}: {error}") from None

    @property
    def last_epoch(self) -> int:
        """The epoch that ends the fit at the latest, from 1."""
        return self.epochs if self.stop_after is None else min(self.epochs, self.stop_after)

    @property
    def describes_frames(self) -> bool:
        """Whether a clip's vector is made from its frames, and is not the global mean that the cache holds."""
        return self.global_mean and self.clip_vector != MEAN

    @property
    def takes_components(self) -> bool:
        """Whether a clip's vector says what the principal components of its frames are like."""
        return self.global_mean and self.clip_vector == COMPONENTS

    @property
    def by_speaker(self) -> bool:
        """Whether an input is standardised by speaker, of any stream."""
        return "speaker" in {self.standardise, *(own.get("standardise") for own in self.streams.values())}

    @property
    def loss_terms(self) -> tuple[str, ...]:
        """The names of the losses that are summed."""
        return tuple(self.loss.split(SUM))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values; a later field at its first value is left out, as it always was."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if (name, value) not in LATER_FIELDS.items()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any], where: str = "config") -> FitConfig:
        """Build a config from JSON values.

        Args:
            fields: some or all fields by name; those left out take their default. All that the first version
                had, without a later one, are a config that an older version wrote: it keeps its meaning.
            where: named in errors, for example the file.

        Raises:
            ConfigError: if a field is unknown or a value is not valid.
        """
        require_known(fields, cls, where, ConfigError)
        return cls(**{**LATER_FIELDS, **fields} if cls.is_whole(fields) else fields)

    @classmethod
    def is_whole(cls, fields: Collection[str]) -> bool:
        """Whether fields, by name, are all that the first version had: such a config leaves nothing to a recipe."""
        return {field.name for field in dataclasses.fields(cls)} - {*LATER_FIELDS, "seed"} <= set(fields)

    @classmethod
    def load(cls, path: Path) -> FitConfig:
        """Read a config from a JSON file, for example ``config.json`` of a run."""
        return cls.from_dict(read_fields(path), where=str(path))

    def _check_texts(self) -> None:
        if not is_loss(self.loss):
            raise ConfigError(
                f"loss: found {self.loss!r}, expected {', '.join(LOSSES)} or a sum such as mse+ccc "
                "(cross-entropy stands alone)"
            )
        if self.device not in ("auto", "cpu", "cuda") and not self.device.removeprefix("cuda:").isdecimal():
            raise ConfigError(f"device: found {self.device!r}, expected auto, cpu, cuda or cuda:N")

    def _check_combinations(self) -> None:
        if not (self.lstm or self.global_mean):
            raise ConfigError(
                "lstm and global_mean are both off: nothing would feed the head; leave one of them on"
            )
        if self.layer == WEIGHTED and self.describes_frames:
            raise ConfigError(
                f"layer {WEIGHTED} and clip_vector {self.clip_vector}: statistics are taken before a head sees the "
                f"layers that it is to weigh; use --clip-vector {MEAN} or one layer"
            )
        if self.select == "last" and self.patience is not None:
            raise ConfigError("patience needs a score for each epoch; leave it out, or use --select inner")
        if self.refit and self.select != "inner":
            raise ConfigError(
                f"refit fits again with the epoch that the inner part chose, found select {self.select!r}: no "
                "training clip is set aside; leave refit off, or use --select inner"
            )
        if self.train_on_all and self.select != "last":
            raise ConfigError(
                f"train_on_all leaves no clip to choose the epoch on, found select {self.select!r}; "
                "use --select last, or --from RUN to take the epochs that a run found"
            )
