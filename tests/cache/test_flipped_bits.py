"""A flipped bit is named by verify and refused by readers, or changes no number; tests/bench has all bits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, CompactOptions, compact, convert, verify
from cache.__main__ import app
from cache.common.errors import DamagedCacheError
from cache.compaction.projection import FILE, Projection
from cache.format import catalog
from cache.format.record import CommitRecord
from cache.format.schema import FRAME_DTYPES, STORED_DTYPES, stored_dtype
from cache.shards.registry import STORES

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def flipping(bench):
    """The bench's own module."""
    return bench("flip_cache_bits")


@pytest.mark.parametrize(("kind", "every"), [("hdf5", 6007), ("zarr", 9001), ("compact", 9001)])
def test_no_flipped_bit_changes_a_number_or_ends_in_a_foreign_exception(
    flipping, tmp_path, kind, every
) -> None:
    outcome = flipping.flip_all(kind, tmp_path, every, also_every=4, processes=0, with_head=False)
    assert outcome.problems == []
    assert outcome.bits == outcome.named > 10
    assert outcome.refused > 0


def flips(data: bytes, every: int = 1):
    """Yield the text with each of its bits, or every so many, flipped."""
    text = bytearray(data)
    for bit in range(0, 8 * len(text), every):
        text[bit // 8] ^= 1 << bit % 8
        yield bytes(text)
        text[bit // 8] ^= 1 << bit % 8


def test_bits_of_a_record_and_of_cache_json(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1, clips=1)
    [path] = (tmp_path / "c" / "shards").glob("*.json")
    for data in flips(path.read_bytes(), 7):
        with pytest.raises(DamagedCacheError, match=r"\.json"):
            CommitRecord.from_bytes(data, str(path))
    description = tmp_path / "c" / "cache.json"
    for data in flips(description.read_bytes(), 3):
        with pytest.raises(DamagedCacheError, match=r"cache\.json"):
            catalog.parse_description(description, data)


def test_bits_of_a_projection(flipping, tmp_path) -> None:
    path = flipping.make("compact", tmp_path / "c") / FILE
    for data in flips(path.read_bytes(), 23):
        path.write_bytes(data)
        with pytest.raises(DamagedCacheError, match=FILE):
            Projection.from_file(path)


def test_a_projection_that_would_unpack_to_more_than_it_is_is_refused(tmp_path) -> None:
    np.savez_compressed(
        tmp_path / FILE, **{"pool": np.ones(1, np.int64), "basis/x": np.zeros((1000, 1000), "f4")}
    )
    assert (tmp_path / FILE).stat().st_size < 100_000
    with pytest.raises(DamagedCacheError, match="compressed"):
        Projection.from_file(tmp_path / FILE)


@pytest.mark.parametrize(
    "text", [">f4", ",f4", "f4,f4", "<f16", "|O", "<M8[s]", "|V4", "=f4", "|S0", "<U4", None, 4]
)
def test_a_dtype_comes_from_the_list_or_is_refused(text) -> None:
    with pytest.raises(ValueError, match="is not allowed in a cache"):
        stored_dtype(text)
    assert stored_dtype("|S64") == np.dtype("S64")
    assert all(stored_dtype(name) == dtype for name, dtype in STORED_DTYPES.items())
    assert FRAME_DTYPES["float16"] == np.float16
    assert {"bool", "object", "float128"}.isdisjoint(FRAME_DTYPES)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"recipe": [["model", "m"]]}, "recipe is no object"),
        ({"shard_mb": float("nan")}, "NaN is no JSON number"),
        ({"shard_mb": 1e400}, "Infinity is no JSON number"),
        ({"shard_mb": True}, "shard_mb True"),
        ({"shard_mb": -1}, "shard_mb -1"),
        ({"licence": None}, "in place of text"),
        ({"fields": []}, "fields is no object"),
    ],
)
def test_a_description_of_other_kinds_of_values_is_refused(
    tmp_path, make_cache, rewrite, change, says
) -> None:
    make_cache(tmp_path / "c", shards=1)
    rewrite(tmp_path / "c" / "cache.json", lambda document: document.update(change))
    with pytest.raises(DamagedCacheError, match=says):
        CacheReader(tmp_path / "c")


@pytest.mark.parametrize("name", ["cache.json", "record", "zarr.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"shard_mb": 1e400}'])
def test_deep_and_infinite_json_is_one_line_everywhere(tmp_path, make_cache, name, text) -> None:
    path = tmp_path / "c"
    make_cache(path, shards=1, store="zarr")
    [record] = (path / "shards").glob("*.json")
    [shard] = (path / "shards").glob("*.zarr")
    places = {"cache.json": path / name, "record": record, "zarr.json": shard / "frames" / "vad" / name}
    places[name].write_text(text)
    for command in (["info"], ["verify"], ["verify", "--repair"]):
        done = CliRunner().invoke(app, [*command, str(path)])
        assert done.exception is None or isinstance(done.exception, SystemExit | DamagedCacheError)


def test_a_single_flipped_bit_of_cache_json_is_put_right(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1)
    path = tmp_path / "c" / "cache.json"
    sound = path.read_bytes()
    damaged = sound.replace(b'"width": 8', b'"width": 9')
    path.write_bytes(damaged)
    with pytest.raises(DamagedCacheError, match=r"checksum does not match.*verify --repair"):
        CacheReader(tmp_path / "c")
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "c"), "--repair"])
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == sound
    assert [kept.read_bytes() for kept in (tmp_path / "c" / "damaged").glob("*/cache.json")] == [damaged]
    path.write_bytes(sound.replace(b"float16", b"float32"))
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "c"), "--repair"])
    assert isinstance(done.exception, DamagedCacheError), "more than a bit: nothing is guessed"


@pytest.mark.parametrize("store", ["hdf5", "zarr", "compact"])
def test_an_old_cache_is_read_as_before_and_said_to_be_without_checksums(tmp_path, store, caplog) -> None:
    shutil.copytree(GOLDEN / store, tmp_path / "c")
    for _ in range(2):
        assert len(CacheReader(tmp_path / "c")) == 3
    [said] = [record.getMessage() for record in caplog.records]
    assert "without a checksum of their own" in said
    files = len(list((tmp_path / "c" / "shards").glob("*.json"))) + (2 if store == "compact" else 1)
    assert verify(tmp_path / "c").without_checksum == files
    assert verify(tmp_path / "c").findings == ()
    for command in ("info", "verify"):
        done = CliRunner().invoke(app, [command, str(tmp_path / "c")])
        assert done.exit_code == 0
        assert "without a checksum of their own" in done.stdout
    convert(tmp_path / "c", tmp_path / "new", "hdf5")
    caplog.clear()
    assert len(CacheReader(tmp_path / "new")) == 3
    assert caplog.records == []
    assert verify(tmp_path / "new").without_checksum == (1 if store == "compact" else 0)


def test_a_flipped_key_does_not_pass_for_an_old_file(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1)
    [path] = (tmp_path / "c" / "shards").glob("*.json")
    document = json.loads(path.read_text())
    document.pop("crc32c")
    path.write_text(json.dumps(document))
    assert len(CacheReader(tmp_path / "c")) == 3, "as an earlier version wrote it"
    for change in ({"crc32b": 1}, {"further": 1}):
        path.write_text(json.dumps(document | change))
        with pytest.raises(DamagedCacheError, match="an unknown key"):
            CacheReader(tmp_path / "c")
    document["datasets"]["offsets"]["further"] = 1
    path.write_text(json.dumps(document))
    with pytest.raises(DamagedCacheError, match="an unknown key 'further'"):
        CacheReader(tmp_path / "c")


def test_further_keys_pass_where_the_checksum_vouches_for_them(tmp_path, make_cache, rewrite) -> None:
    make_cache(tmp_path / "c", shards=1)
    [path] = (tmp_path / "c" / "shards").glob("*.json")
    rewrite(
        path, lambda document: (document.update(later=1), document["datasets"]["offsets"].update(later=1))
    )
    rewrite(tmp_path / "c" / "cache.json", lambda document: document.update(later=1))
    assert len(CacheReader(tmp_path / "c")) == 3


@pytest.mark.parametrize("store", STORES)
def test_a_shard_of_another_recipe_is_refused_by_the_reader(
    tmp_path, make_cache, smuggle, make_clip, recipe, store
) -> None:
    make_cache(tmp_path / "c", shards=1, store=store)
    smuggle(tmp_path / "c", make_clip("zzz"), recipe=recipe | {"weights_sha256": "f" * 64})
    with pytest.raises(DamagedCacheError, match="made with another recipe"):
        CacheReader(tmp_path / "c")


@pytest.mark.parametrize("store", STORES)
def test_a_shard_without_a_field_that_came_later_has_what_was_meant_before(tmp_path, store) -> None:
    reader = CacheReader(GOLDEN / store)
    assert "clips/windowed" not in reader.records[0].datasets
    for clip_id in reader.clip_ids:
        assert reader[clip_id].clip["windowed"] is np.False_ or not reader[clip_id].clip["windowed"]
    assert reader.clip_table("clips/windowed").tolist() == [False] * 3
    assert reader.clip_table("clips/windowed").dtype == np.bool_
    shutil.copytree(GOLDEN / store, tmp_path / "c")
    writer = CacheWriter(tmp_path / "c", reader.description)
    [field, vad] = writer.fields
    from cache import ClipFeatures

    values = {field.name: np.ones((3, 20), np.float32), vad.name: np.ones((3, 3), np.float32)}
    means = {name: value[0] for name, value in values.items()}
    clip = ClipFeatures("new", values, means, 999, -9.0, "0", {"vad": means["vad"]}, windowed=True)
    writer.commit([clip])
    mixed = CacheReader(tmp_path / "c")
    table = dict(zip(mixed.clip_ids, mixed.clip_table("clips/windowed").tolist(), strict=True))
    assert table == {"new": True, **dict.fromkeys(reader.clip_ids, False)}


def test_a_compact_report_and_a_list_of_failures_with_a_flipped_bit_are_named(flipping, tmp_path) -> None:
    path = flipping.make("compact", tmp_path / "c")
    [ledger] = (path / "failures").iterdir()
    for file, says in ((path / "compact.json", "compact.json: its checksum"), (ledger, "1 line damaged")):
        sound = file.read_bytes()
        file.write_bytes(
            sound.replace(b"2", b"3", 1) if file != ledger else sound.replace(b"damaged", b"dameged")
        )
        [finding] = verify(path).findings
        assert says in str(finding)
        assert not finding.repair
        file.write_bytes(sound)
    assert verify(path).findings == ()
    compact(tmp_path / "full", tmp_path / "other", CompactOptions(pool=2, project=2))
    assert verify(tmp_path / "other").findings == ()
