"""The budget of a batch is the user's or the device's, and never more than fits the memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cache.commit.failures import Failure
from extract.options import ExtractOptions
from extract.run.context import RunContext


@pytest.mark.parametrize(
    ("chosen", "memory", "expected"),
    [(None, float("inf"), 240.0), (30.0, float("inf"), 30.0), (0.0, float("inf"), 0.0), (None, 50.0, 50.0)],
)
def test_the_budget_is_the_smallest_that_is_asked_for(chosen, memory, expected) -> None:
    encoder = SimpleNamespace(batch_seconds=240.0, memory_seconds=memory)
    context = RunContext(encoder, None, ExtractOptions(batch_seconds=chosen), None, None)
    assert context.batch_seconds() == expected


def test_a_failure_is_in_the_ledger_and_in_the_log() -> None:
    listed, logged = [], []
    writer, meter = SimpleNamespace(fail=listed.append), SimpleNamespace(failed=logged.append)
    failure = Failure("a", "a.wav", "decode", "unreadable", "why")
    RunContext(None, writer, ExtractOptions(), None, meter).fail(failure)
    assert listed == logged == [failure]
