"""A batch that does not fit is halved until it does; a single clip that does not fit is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from extract.encoders.out_of_memory import HalvedBatches
from extract.errors import ClipError


def clips(count: int, seconds: float = 1.0) -> list[np.ndarray]:
    return [np.full(int(16_000 * seconds), number, np.float32) for number in range(count)]


def fitting(most: int, tried: list[int]):
    def encode(batch):
        tried.append(len(batch))
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [int(clip[0]) for clip in batch]

    return encode


def test_halves_come_back_in_order_and_the_limit_is_remembered() -> None:
    forgotten, tried = [], []
    batches = HalvedBatches(torch.device("cpu"), lambda: forgotten.append(True))
    assert batches.encode(fitting(2, tried), clips(5)) == [0, 1, 2, 3, 4]
    assert tried == [5, 2, 3, 1, 2]
    assert batches.seconds == pytest.approx(2.0)
    assert len(forgotten) == 2


def test_a_single_clip_that_does_not_fit_is_a_failure_of_its_own() -> None:
    with pytest.raises(ClipError, match=r"2\.0 s do not fit cpu") as refusal:
        HalvedBatches(torch.device("cpu"), lambda: None).encode(fitting(0, []), clips(1, 2.0))
    assert refusal.value.reason == "out_of_memory"


def test_another_error_is_not_taken_for_want_of_memory() -> None:
    def broken(_batch):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        HalvedBatches(torch.device("cpu"), lambda: None).encode(broken, clips(2))
