"""A cache leaves for other tools whole, its picture shows what is in it, and no id becomes a path."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CompactOptions, compact, export
from cache.__main__ import app
from cache.common.errors import CacheError, StorageError, UnknownFieldError
from cache.tools.export import file_name


def test_one_npy_a_clip_and_field(tmp_path, make_cache) -> None:
    written = make_cache(tmp_path / "c")
    assert export(tmp_path / "c", tmp_path / "out", parquet=False) == 6
    for clip_id, clip in written.items():
        name = f"{file_name(clip_id)}.npy"
        values = np.load(tmp_path / "out" / "hidden_states_2" / name, allow_pickle=False)
        np.testing.assert_array_equal(values, clip.frames["hidden_states/2"].astype(np.float16))
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "vad" / name), clip.frames["vad"])
    with pytest.raises(StorageError, match="not an empty folder"):
        export(tmp_path / "c", tmp_path / "out", parquet=False)


def test_int8_is_exported_as_numbers_and_fields_can_be_chosen(tmp_path, make_cache) -> None:
    written = make_cache(tmp_path / "c")
    compact(tmp_path / "c", tmp_path / "s", CompactOptions(1, 0, "int8"))
    reader = CacheReader(tmp_path / "s")
    field = next(name for name in reader.frame_fields if name != "vad")
    export(tmp_path / "s", tmp_path / "out", [field], parquet=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [field.replace("/", "_")]
    clip_id = next(iter(written))
    values = np.load(tmp_path / "out" / field.replace("/", "_") / f"{file_name(clip_id)}.npy")
    np.testing.assert_array_equal(values, reader.read_values(clip_id, field))
    with pytest.raises(UnknownFieldError, match="nothing"):
        export(tmp_path / "s", tmp_path / "out2", ["nothing"], parquet=False)


def test_an_id_never_becomes_a_path() -> None:
    for clip_id in (
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "..",
        "x" * 5000,
        "ä" * 100,
        "a\x00b",
        "CON:\\",
    ):
        name = file_name(clip_id)
        assert Path(name + ".npy").name == name + ".npy"
        assert len(name) < 200
        assert not {"/", "\\", "\x00"} & set(name)
    assert len({file_name("x" * 5000), file_name("x" * 5001)}) == 2


def test_without_pyarrow_one_line_says_what_to_do(tmp_path, make_cache, monkeypatch) -> None:
    make_cache(tmp_path / "c")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CacheError, match=r"emi-fusion\[export\].*--no-parquet"):
        export(tmp_path / "c", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(app, ["export", str(tmp_path / "c"), str(tmp_path / "out"), "--no-parquet"])
    assert done.exit_code == 0, done.output


def test_the_table_holds_every_clip_level_field(tmp_path, make_cache) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    written = make_cache(tmp_path / "c")
    export(tmp_path / "c", tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "clips.parquet").to_pydict()
    assert set(table["clip_id"]) == set(written)
    row = table["clip_id"].index("1/00002")
    assert table["source"][row] == "1/00002.wav"
    assert table["num_frames"][row] == 7
    assert (tmp_path / "out" / "vad" / table["file"][row]).exists()
    np.testing.assert_allclose(table["global_mean/vad"][row], written["1/00002"].global_mean["vad"])
    np.testing.assert_allclose(table["vad"][row], written["1/00002"].clip["vad"])
