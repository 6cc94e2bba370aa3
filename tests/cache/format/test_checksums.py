"""The checksum of a whole follows from those of its parts."""

from __future__ import annotations

import google_crc32c
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cache.format.checksums import crc32c, crc32c_of_whole


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_parts_make_the_whole(parts) -> None:
    sums = [google_crc32c.value(part) for part in parts]
    assert crc32c_of_whole(sums, [len(part) for part in parts]) == google_crc32c.value(b"".join(parts))


def test_long_parts_and_any_array() -> None:
    values = np.random.default_rng(0).normal(size=(3000, 500))
    cut = [crc32c(values[:7]), crc32c(values[7:2000]), crc32c(values[2000:])]
    assert crc32c_of_whole(cut, [7 * 4000, 1993 * 4000, 1000 * 4000]) == crc32c(values)
    assert crc32c(values[:, ::2]) == google_crc32c.value(values[:, ::2].tobytes())
