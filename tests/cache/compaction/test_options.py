"""Options of the laptop cache that cannot be are refused, and its size is foreseen."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader, verify
from cache.common.errors import CacheError
from cache.compaction.compact import compact
from cache.compaction.measure import measure
from cache.compaction.options import CompactOptions, choose_for_size, predicted_bytes
from cache.compaction.projection import Projection


def test_options_that_cannot_be_are_refused(options, full, small, tmp_path) -> None:
    with pytest.raises(CacheError, match="pool: found 0, expected 1 or more"):
        CompactOptions(pool=0)
    with pytest.raises(CacheError, match="dtype: found 'float8', expected float16 or int8"):
        CompactOptions(dtype="float8")
    with pytest.raises(CacheError, match="holds layers 6, 12"):
        compact(full, tmp_path / "c", CompactOptions(layers="3"))
    with pytest.raises(CacheError, match="holds none of the 1 clip to"):
        compact(full, tmp_path / "c", fit_on=["nobody"], options=options)
    with pytest.raises(CacheError, match="compact cache already"):
        compact(small, tmp_path / "c")
    with pytest.raises(CacheError, match="no compact cache"):
        Projection.load(full)
    assert not (tmp_path / "c" / "cache.json").exists()


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
    assert max(fidelity.quantisation_l2.values()) < 0.01
