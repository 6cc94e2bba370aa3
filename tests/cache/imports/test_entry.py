"""What sources hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cache.commit.failures import REASONS
from cache.imports.entry import Entry, Sources
from cache.imports.values import UnreadableError, of_array


def test_an_entry_reads_its_values_where_they_lie() -> None:
    entry = Entry("00042", of_array(np.ones((2, 3))), Path("a.npy"), "a.npy")
    assert entry.values.load().shape == (2, 3)
    assert Sources((entry,), (), {"npy": 1}, 0).entries[0].clip_id == "00042"


def test_the_reason_of_what_cannot_be_read_is_known_to_the_ledger() -> None:
    assert UnreadableError("x").reason in REASONS
