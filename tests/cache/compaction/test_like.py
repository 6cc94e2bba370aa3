"""The recipe of a cache, a run or a bundle is read from its files alone; what is none of them is one line."""

from __future__ import annotations

import json
import zipfile

import pytest

from cache.common.errors import CacheError, DamagedCacheError
from cache.compaction.compact import compact
from cache.compaction.like import read_like
from cache.compaction.projection import FILE, Projection
from cache.format.catalog import read_description


def head(recipe) -> bytes:
    """The bytes of a head's file, as far as they are read here."""
    metadata = {"emi_fusion": json.dumps({"recipe": recipe, "layer": 12})}
    header = json.dumps(
        {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    )
    return len(header).to_bytes(8, "little") + header.encode() + bytes(4)


@pytest.fixture(scope="module")
def caches(write_source, options, tmp_path_factory):
    folder = tmp_path_factory.mktemp("caches")
    full = write_source(folder / "full", ["1", "2", "3", "4"])
    compact(full, folder / "small", options)
    return folder


@pytest.fixture
def run(caches, tmp_path):
    """A run on the compact cache, as far as it is read here."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "head.safetensors").write_bytes(head(read_description(caches / "small").recipe))
    (folder / FILE).write_bytes((caches / "small" / FILE).read_bytes())
    return folder


def zipped(folder, out):
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return out


def test_of_a_cache_it_is_what_the_cache_says(caches) -> None:
    full = read_like(caches / "full")
    assert (full.recipe, full.projection) == (read_description(caches / "full").recipe, None)
    small = read_like(caches / "small")
    assert small.recipe == read_description(caches / "small").recipe
    assert small.projection.sha256 == Projection.load(caches / "small").sha256


def test_a_head_of_several_streams_has_no_one_recipe(run) -> None:
    data = head({}).replace(b'recipe\\": {}', b'streams\\": {\\"a\\": {}, \\"b\\": {}}')
    size = (len(data) - 12).to_bytes(8, "little")
    (run / "head.safetensors").write_bytes(size + data[8:])
    with pytest.raises(
        CacheError, match=r"run: its head hears several streams \(a, b\), .* emi-train predict"
    ):
        read_like(run)


@pytest.mark.parametrize("how", ["run", "ensemble", "folds of seeds", "bundle", "bundle of an ensemble"])
def test_of_a_run_it_is_what_its_first_head_was_trained_on(caches, run, tmp_path, how) -> None:
    where = run
    if "ensemble" in how or "folds" in how:
        where = tmp_path / "several"
        where.mkdir()
        inner = where / "fold-1" if "folds" in how else where
        inner.mkdir(exist_ok=True)
        run.rename(inner / "seed-0")
        (inner / "ensemble.json").write_text(json.dumps({"runs": ["seed-0", "seed-1"]}))
        if "folds" in how:
            (where / "folds.json").write_text(json.dumps({"runs": [{"run": "fold-1", "score": None}]}))
    found = read_like(zipped(where, tmp_path / "head.zip") if "bundle" in how else where)
    assert found.recipe == read_description(caches / "small").recipe
    assert found.projection.sha256 == found.recipe.projection_sha256


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda run: (run / "head.safetensors").unlink(), CacheError, "expected a cache, a run or a bundle"),
        (lambda run: (run / FILE).unlink(), CacheError, f"{FILE} is missing; copy it from the compact cache"),
        (lambda run: (run / FILE).write_bytes(b"junk"), DamagedCacheError, "not a projection"),
        (lambda run: (run / "head.safetensors").write_bytes(b"\xff" * 20), DamagedCacheError, "bytes"),
        (
            lambda run: (run / "head.safetensors").write_bytes(head("no recipe")),
            DamagedCacheError,
            "no recipe",
        ),
        (
            lambda run: (run / "head.safetensors").write_bytes(b""),
            DamagedCacheError,
            "cannot be read as a run",
        ),
        (
            lambda run: (run / "ensemble.json").write_text('{"runs": ["../x"]}'),
            DamagedCacheError,
            "no run of",
        ),
        (lambda run: (run / "ensemble.json").write_text('{"runs": []}'), DamagedCacheError, "cannot be read"),
        (lambda run: (run / "ensemble.json").write_text("{"), DamagedCacheError, "no valid JSON"),
    ],
)
@pytest.mark.parametrize("as_bundle", [False, True])
def test_what_is_damaged_is_one_line(run, tmp_path, change, error, said, as_bundle) -> None:
    change(run)
    where = zipped(run, tmp_path / "head.zip") if as_bundle else run
    with pytest.raises(error) as caught:
        read_like(where)
    assert said in str(caught.value)
    assert str(where) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_projection_than_the_recipe_names_is_refused(caches, run) -> None:
    projection = Projection.load(caches / "small")
    other = Projection(projection.pool + 1, projection.axes)
    (run / FILE).write_bytes(other.to_bytes())
    with pytest.raises(DamagedCacheError, match="not the projection its recipe names"):
        read_like(run)


def test_what_is_none_of_them_is_refused(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    for name, said in (
        ("gone", "no such file or folder"),
        ("notes.txt", "no bundle"),
        (".", "expected a cache"),
    ):
        with pytest.raises(CacheError, match=said):
            read_like(tmp_path / name)
