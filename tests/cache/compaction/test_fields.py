"""The laptop cache has the fields that its options ask for, and its size is foreseen."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader, verify
from cache.common.errors import CacheError
from cache.compaction.compact import compact
from cache.compaction.fields import choose_for_size, predicted_bytes
from cache.compaction.measure import measure
from cache.compaction.options import CompactOptions


def test_the_size_is_foreseen_and_max_gb_chooses(full, tmp_path) -> None:
    reader = CacheReader(full)
    wanted = predicted_bytes(reader, CompactOptions(3, 0)) / 1e9
    chosen = choose_for_size(reader, wanted, CompactOptions())
    assert predicted_bytes(reader, chosen) <= wanted * 1e9
    assert chosen.pool <= 3
    with pytest.raises(CacheError, match="even pool"):
        choose_for_size(reader, 1e-9, CompactOptions())


@pytest.mark.parametrize(
    ("options", "widths", "dtype"),
    [
        (CompactOptions(1, 0, "float16"), {"hidden_states/12": 48}, np.float16),
        (CompactOptions(2, 0, "int8", "all"), {"hidden_states/6": 48, "hidden_states/12": 48}, np.int8),
        (CompactOptions(3, 8, "float16", "6"), {"hidden_states/6": 8}, np.float16),
        (CompactOptions(1, 500, "int8"), {"hidden_states/12": 48}, np.int8),
    ],
)
def test_every_choice_of_options(full, tmp_path, options, widths, dtype) -> None:
    compact(full, tmp_path / "c", options)
    fields = CacheReader(tmp_path / "c").frame_fields
    assert {name: field.width for name, field in fields.items() if name != "vad"} == widths
    assert {field.dtype for name, field in fields.items() if name != "vad"} == {np.dtype(dtype)}
    assert verify(tmp_path / "c").findings == ()
    fidelity = measure(full, tmp_path / "c")
    assert max(loss.rounding for loss in fidelity.losses) < 0.01
