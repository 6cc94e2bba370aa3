"""A cache leaves for other tools whole, its picture shows what is in it, and no id becomes a path."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, CompactOptions, compact, export, read_table
from cache.__main__ import app
from cache.common.errors import CacheError, StorageError, UnknownFieldError
from cache.tools import export as module
from cache.tools.file_names import file_name


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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clips.csv",
        field.replace("/", "_"),
    ]
    clip_id = next(iter(written))
    values = np.load(tmp_path / "out" / field.replace("/", "_") / f"{file_name(clip_id)}.npy")
    np.testing.assert_array_equal(values, reader.read_values(clip_id, field))
    with pytest.raises(UnknownFieldError, match="nothing"):
        export(tmp_path / "s", tmp_path / "out2", ["nothing"], parquet=False)


ODD = ["Anna", "anna", "CON", "=1+1", "sub/x", "c1.mp4", "c1", "-9", "Mu\u0308ller", "Müller"]


@pytest.fixture
def odd_cache(tmp_path, make_clip, recipe, fields):
    """A cache whose ids would collide, or be a device, on some file systems."""
    CacheWriter.open(tmp_path / "c", recipe, fields).commit([make_clip(clip_id) for clip_id in ODD])
    return tmp_path / "c"


def test_every_clip_has_a_file_of_its_own_wherever_it_is_written(tmp_path, odd_cache) -> None:
    assert export(odd_cache, tmp_path / "out", ["vad"], parquet=False) == len(ODD)
    names = [path.name for path in (tmp_path / "out" / "vad").iterdir()]
    assert len({name.casefold() for name in names}) == len(ODD)
    assert "CON.npy" not in names
    table = read_table(tmp_path / "out" / "clips.csv")
    assert table.written_ids() == ODD
    reader = CacheReader(odd_cache)
    for row in table.rows:
        values = np.load(tmp_path / "out" / "vad" / row["file"], allow_pickle=False)
        np.testing.assert_array_equal(values, reader.read_frames(row["clip_id"], "vad"))
    assert "\n'=1+1," in (tmp_path / "out" / "clips.csv").read_text()


def test_a_file_that_is_there_is_never_written_to(tmp_path, make_cache, monkeypatch) -> None:
    make_cache(tmp_path / "c")
    monkeypatch.setattr(module, "file_names", lambda ids, *_, **__: dict.fromkeys(ids, "same"))
    with pytest.raises(StorageError, match=r"same\.npy: File exists"):
        export(tmp_path / "c", tmp_path / "out", ["vad"], parquet=False)
    assert [path.name for path in (tmp_path / "out" / "same").iterdir()] == ["same.npy"]


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
