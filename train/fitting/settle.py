"""Weights of streams whose heads are trained apart: found after each epoch on the clips that are set aside."""

from __future__ import annotations

from typing import Any

from train.features.streams import AnyFeatures
from train.fitting.checkpoint import Training
from train.fitting.task import Task
from train.heads.streams_head import Head, StreamsHead
from train.losses.registry import SOFTMAX
from train.runs.forward import apply_each

INNER = "inner"


def is_apart(head: Head) -> bool:
    """Whether a head's streams are trained each for itself."""
    return isinstance(head, StreamsHead) and head.apart


def why_alike(head: Head, task: Task) -> str | None:
    """Say why streams that are trained apart have equal weights; None where weights are found, or there are none.

    The clips that are trained on fit every head too well to weigh them by, and those that are reported must not.
    """
    if not is_apart(head):
        return None
    if task.config.loss in SOFTMAX:
        return f"the shares of classes that {task.config.loss} gives have no least squares"
    if task.config.select != INNER:
        return f"no training clip is set aside with select {task.config.select}"
    return None


def settle(training: Training, task: Task, features: AnyFeatures) -> None:
    """Have the fusion find the weights of its streams, where clips are set aside."""
    head = training.head
    if not isinstance(head, StreamsHead) or not head.apart or why_alike(head, task) is not None:
        return
    outputs = apply_each(head, features, task.chooser, task.config)
    fusion: Any = head.fusion_head
    fusion.settle(outputs, task.truth[task.chooser])


def carry_weights(head: Head, again: Head) -> None:
    """Give a head that is fitted again on all training clips the weights that were found before."""
    if is_apart(head):
        for name, values in head.fusion_head.named_buffers():
            again.fusion_head.get_buffer(name).copy_(values)


def weights_of_streams(head: Head, targets: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return stream → target → weight, of streams that are trained apart; nothing for others."""
    weights = getattr(head.fusion_head, "weights", None)
    if not isinstance(head, StreamsHead) or not head.apart or weights is None:
        return {}
    rows = zip(head.shape.streams, weights.tolist(), strict=True)
    return {name: dict(zip(targets, row, strict=True)) for name, row in rows}
