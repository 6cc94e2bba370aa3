"""Where the files of a cache are, and which shard's values count for a clip."""

from __future__ import annotations

import pytest

from cache import CacheWriter, FrameField
from cache.common.errors import DamagedCacheError, FormatVersionError, NotACacheError
from cache.format import catalog
from cache.format.catalog import Description, read_description
from cache.format.recipe import Recipe


def test_a_description_reads_back(tmp_path, recipe, fields) -> None:
    by_name = {field.name: field for field in fields}
    description = Description(Recipe(recipe), by_name, "zarr", 12.5, "CC BY")
    assert catalog.create(tmp_path / "c", description, "card") == description
    assert read_description(tmp_path / "c") == description
    assert (tmp_path / "c" / "README.md").read_text() == "card"
    other = Description(Recipe({"model": "other"}), {"x": FrameField("x", 1)})
    assert catalog.create(tmp_path / "c", other, "other card") == description, "whoever was first"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format_version": 2}, FormatVersionError),
        (
            {"fields": {"vad": {"width": 0, "dtype": "float32", "frame_shift": 1, "dims": []}}},
            DamagedCacheError,
        ),
        (
            {"fields": {"vad": {"width": 3, "dtype": "object", "frame_shift": 1, "dims": []}}},
            DamagedCacheError,
        ),
        ({"recipe": {"model": "edited"}}, DamagedCacheError),
        ({"recipe": "text"}, DamagedCacheError),
        ({"fields": {}}, DamagedCacheError),
        ({"shard_mb": "large"}, DamagedCacheError),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(
    tmp_path, make_cache, rewrite, change, error
) -> None:
    make_cache(tmp_path / "c")
    rewrite(tmp_path / "c" / "cache.json", lambda document: document.update(change))
    with pytest.raises(error, match=r"cache\.json"):
        read_description(tmp_path / "c")


def test_a_folder_of_other_files_is_never_made_a_cache(tmp_path, recipe) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").touch()
    with pytest.raises(NotACacheError, match=r"notes\.txt"):
        catalog.create(tmp_path, Description(Recipe(recipe), {}), "card")


def test_the_latest_generation_counts(tmp_path, recipe, fields, make_clip) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    first = writer.commit([make_clip("a"), make_clip("b")])
    [plan] = writer.plan({"a": 7, "b": 7}, replace={"b"})
    second = writer.commit([make_clip("b")], plan)
    records = catalog.read_records(tmp_path)
    assert catalog.superseded(records) == {(first.name, "b")}
    assert {clip: record.name for clip, record in catalog.effective(records).items()} == {
        "a": first.name,
        "b": second.name,
    }
