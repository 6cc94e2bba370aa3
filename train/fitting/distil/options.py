"""How a student is trained: the choices, each declared once."""

from __future__ import annotations

from dataclasses import dataclass

from cache.common.option_fields import ONE_OR_MORE, POSITIVE, ZERO_OR_MORE, Range, check_options, option
from cache.common.student.layout import SIZES
from train.config import SEEDS
from train.errors import ConfigError

VAD, LINEAR, NOTHING = "vad", "linear", "none"
TARGETS = (VAD, LINEAR, NOTHING)
SOME_FOLDS = Range("2 or more", lambda value: value >= 2)


@dataclass(frozen=True)
class DistilOptions:
    """How a student is trained.

    Attributes:
        size: name of its layout.
        targets_from: what it learns to say of a clip: the teacher's VAD; a linear read-out of the teacher's frames,
            their first three principal components over clips; or nothing, its frames alone.
        hidden: of the teacher's frames it learns this many principal components; 0 for none.
        layer: of the teacher's frames, where the cache has several.
        folds: parts by speaker; each is held out once, to say how well the student meets unseen people, before one
            learns from all.
        epochs: of each of these.
        batch_size: clips a step.
        lr: highest learning rate.
        weight_decay: of AdamW.
        frame_weight: of the mean squared error over frames, beside that over clips.
        seed: of first weights and order.
        warmup_epochs: in which the rate rises.
        warmup_from: the rate's first step is this many steps from 0.

    Raises:
        ConfigError: if a value is of another type or out of range.
    """

    size: str = option("72k", f"{', '.join(SIZES)}: about so many parameters.", choices=tuple(SIZES))
    targets_from: str = option(
        VAD,
        "What it says of a clip: the teacher's vad; linear, three components of the teacher's frames; or none.",
        choices=TARGETS,
    )
    hidden: int = option(
        0, "Principal components of the teacher's frames that its own frames give.", within=ZERO_OR_MORE
    )
    layer: int | None = option(None, "Layer of the teacher's frames.", shown="the last")
    folds: int = option(
        5,
        "Parts by speaker, each held out once for the scores, before it learns from all.",
        within=SOME_FOLDS,
    )
    epochs: int = option(40, "Epochs of each training.", within=ONE_OR_MORE)
    batch_size: int = option(16, "Clips a step.", within=SOME_FOLDS)
    lr: float = option(2e-3, "Highest learning rate.", within=POSITIVE)
    weight_decay: float = option(0.01, "Of AdamW.", within=ZERO_OR_MORE)
    frame_weight: float = option(0.5, "Weight of the error of single frames.", within=ZERO_OR_MORE)
    seed: int = option(0, "Of first weights and order.", within=SEEDS)
    warmup_epochs: int = option(1, "Epochs in which the rate rises.", offered=False)
    warmup_from: int = option(1, "The first step's number.", offered=False)

    def __post_init__(self) -> None:
        check_options(self, ConfigError)
        if self.targets_from == NOTHING and not self.hidden:
            raise ConfigError("targets_from none: the student would learn nothing; add --hidden N")
