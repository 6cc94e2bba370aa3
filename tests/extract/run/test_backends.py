"""The name of a back end is checked before anything is written, and a cache stays what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cache.__main__ import app as cache_app
from cache.format.catalog import read_description
from extract.__main__ import app
from extract.errors import ExtractError
from extract.run.extract import extract
from extract.run.summary import as_text


def test_a_wrong_backend_writes_nothing(tmp_path, clips) -> None:
    arguments = ["run", str(clips), "--out", str(tmp_path / "c"), "--model", "logmel", "--backend", "parquet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "parquet" in result.output
    assert "hdf5" in result.output
    assert not (tmp_path / "c").exists()


def test_a_wrong_backend_is_refused_from_python_too(tmp_path, clips, options) -> None:
    with pytest.raises(ExtractError, match=r"^--backend: found 'parquet', expected hdf5 or zarr"):
        extract(clips, tmp_path / "c", replace(options, store="parquet"))
    assert replace(options, store="ZARR").store == "zarr"


def test_capitals_are_the_same_backend(tmp_path, clips) -> None:
    arguments = ["run", str(clips), "--out", str(tmp_path / "c"), "--model", "logmel", "--backend", "HDF5"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_description(tmp_path / "c").store == "hdf5"


def test_convert_checks_the_name_first(tmp_path, reference) -> None:
    def convert(backend: str):
        return CliRunner().invoke(
            cache_app, ["convert", str(reference), str(tmp_path / "z"), "--backend", backend]
        )

    wrong = convert("parquet")
    assert wrong.exit_code == 2
    assert not (tmp_path / "z").exists()
    right = convert("Zarr")
    assert right.exit_code == 0, right.output
    assert right.output.endswith("in zarr\n")


def test_a_cache_keeps_its_backend_and_says_so(tmp_path, clips, options) -> None:
    extract(clips, tmp_path / "c", options)
    summary = extract(clips, tmp_path / "c", replace(options, store="zarr"))
    assert f"stays hdf5, not zarr; emi-cache convert {tmp_path / 'c'} NEW --backend zarr" in as_text(summary)
    assert "stays" not in as_text(extract(clips, tmp_path / "c", options))
    zarr = replace(options, store="zarr")
    extract(clips, tmp_path / "z", zarr)
    arguments = ["run", str(clips), "--out", str(tmp_path / "z"), "--model", options.encoder.model]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu"])
    assert "stays" not in result.output, "no back end was asked for"
