"""Parquet tables."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cache.common.errors import CacheError
from cache.imports.layouts.parquet import parts
from cache.imports.values import UnreadableError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def test_rows_of_clips_over_several_groups(tmp_path, loaded) -> None:
    ids = ["00042"] * 5 + ["7"] * 2 + ["00042"]
    table = pa.table({"clip_id": ids, "time": np.arange(8) * 0.5, "a": np.arange(8.0), "b": np.arange(8)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    held = list(parts(tmp_path / "a.parquet"))
    found = loaded(held)
    assert found["00042"].tolist() == [[n, n] for n in (0, 1, 2, 3, 4, 7)]
    assert found["7"].tolist() == [[5, 5], [6, 6]]
    assert held[0].values.times().tolist() == [0, 0.5, 1, 1.5, 2, 3.5]


def test_a_column_of_lists(tmp_path, loaded) -> None:
    table = pa.table({"id": ["a", "b"], "features": [[1.0, 2.0], [3.0, 4.0]]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = loaded(list(parts(tmp_path / "a.parquet")))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [[1, 2]], "b": [[3, 4]]}


def test_a_table_without_ids_is_one_clip_and_an_empty_cell_no_number(tmp_path) -> None:
    pq.write_table(pa.table({"a": [1.0, None]}), tmp_path / "a.parquet")
    (part,) = parts(tmp_path / "a.parquet")
    assert part.key is None
    assert np.isnan(part.values.load()[1, 0])


def test_what_cannot_be_read_is_one_line(tmp_path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(UnreadableError, match="damaged"):
        list(parts(tmp_path / "a.parquet"))
    pq.write_table(pa.table({"a": ["x"], "b": [1.0]}), tmp_path / "b.parquet")
    (part,) = parts(tmp_path / "b.parquet")
    with pytest.raises(UnreadableError, match="damaged"):
        part.values.load()
    pq.write_table(pa.table({"id": [1.5], "b": [1.0]}), tmp_path / "c.parquet")
    with pytest.raises(UnreadableError, match=r"an id '1\.5'"):
        list(parts(tmp_path / "c.parquet"))


def test_without_pyarrow_it_says_how_to_get_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CacheError, match="pip install"):
        list(parts(tmp_path / "a.parquet"))
