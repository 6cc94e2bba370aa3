"""Damaged shards are set aside whole, and exactly their clips are made again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, diff, repair, verify
from cache.__main__ import app
from cache.shards.registry import STORES
from cache.tools.repair import as_text


@pytest.fixture(params=STORES)
def planned_cache(request, tmp_path, recipe, fields, make_clip):
    """A cache of four shards of three clips, made from a plan as extract does."""
    path = tmp_path / "c"
    planned = {f"{n:02}": 7 for n in range(12)}
    writer = CacheWriter.open(path, recipe, fields, store=request.param, shard_mb=3 * 7 * 28e-6)
    plans = writer.plan(planned)
    assert len(plans) == 4
    for plan in plans:
        writer.commit([make_clip(clip_id) for clip_id in plan.planned], plan)
    shutil.copytree(path, tmp_path / "intact")
    return path, writer, planned


def data_file(path: Path, index: int) -> Path:
    """The file with the frames of a shard."""
    record = json.loads(sorted((path / "shards").glob("*.json"))[index].read_text())
    shard = path / "shards" / record["file"]
    return shard if shard.is_file() else shard / "frames" / "hidden_states" / "2" / "c.0.0"


def flip(file: Path, position: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 4
    file.write_bytes(bytes(data))


def remake(writer, planned, make_clip) -> set[str]:
    """What the next run of extract does; returns the clips it makes."""
    made: set[str] = set()
    for plan in writer.plan(planned):
        writer.commit([make_clip(clip_id) for clip_id in plan.planned], plan)
        made |= plan.planned.keys()
    return made


def test_exactly_the_clips_of_damaged_shards_are_made_again(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    records = CacheReader(path).records
    flip(data_file(path, 1), data_file(path, 1).stat().st_size // 2)
    record = records[3]
    shard = path / "shards" / record.file
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    done = repair(path, verify(path))
    assert set(done.clips) == {*records[1].clip_ids, *records[3].clip_ids}
    assert verify(path).findings == ()
    assert set(CacheReader(path).clip_ids) == {*records[0].clip_ids, *records[2].clip_ids}
    assert remake(writer, planned, make_clip) == set(done.clips)
    assert diff(path, path.parent / "intact", exact=True) == []
    assert verify(path).findings == ()
    assert {r.content.generation for r in CacheReader(path).records} == {0, 1}
    assert writer.plan(planned) == []


def test_a_repaired_shard_may_be_damaged_again(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    for _ in range(3):
        index = next(i for i, r in enumerate(CacheReader(path).records) if "00" in r.clip_ids)
        flip(data_file(path, index), 0)
        repair(path, verify(path))
        assert remake(writer, planned, make_clip) == {"00", "01", "02"}
    assert diff(path, path.parent / "intact", exact=True) == []
    assert max(r.content.generation for r in CacheReader(path).records) == 3


def test_a_damaged_replacement_says_that_older_values_count_until_then(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    [plan] = [p for p in writer.plan(planned, replace={"05"})]
    writer.commit([make_clip("05", 9)], plan)
    index = [r.name for r in CacheReader(path).records].index(plan.name)
    flip(data_file(path, index), 3)
    done = repair(path, verify(path))
    assert (done.clips, done.outdated) == (("05",), ("05",))
    assert CacheReader(path).num_frames("05") == 7
    [again] = writer.plan(planned)
    assert (set(again.planned), again.generation) == ({"05"}, 2)
    writer.commit([make_clip("05", 9)], again)
    assert CacheReader(path).num_frames("05") == 9


@pytest.mark.parametrize("text", ["", "{", '{"format_version": 7}'])
def test_an_unreadable_record_is_set_aside_with_its_shard(planned_cache, make_clip, text) -> None:
    path, writer, planned = planned_cache
    lost = set(CacheReader(path).records[2].clip_ids)
    sorted((path / "shards").glob("*.json"))[2].write_text(text)
    done = repair(path, verify(path))
    assert len(done.unreadable) == 1
    assert remake(writer, planned, make_clip) == lost
    assert verify(path).findings == ()
    assert diff(path, path.parent / "intact", exact=True) == []


def test_foreign_files_go_too_but_a_shard_waiting_for_its_record_stays(planned_cache) -> None:
    path, writer, _ = planned_cache
    (path / "shards" / "notes.txt").write_text("x")
    record = sorted((path / "shards").glob("*.json"))[0]
    record.unlink()
    report = verify(path)
    assert len(report.findings) == 2
    done = repair(path, report)
    assert done.shards == ()
    assert not (path / "shards" / "notes.txt").exists()
    assert (done.aside / "notes.txt").read_text() == "x"
    assert (path / "shards" / (record.stem + writer.store.suffix)).exists()


def test_a_shard_that_waits_for_its_record_for_hours_is_set_aside(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    record = sorted((path / "shards").glob("*.json"))[0]
    kept = record.read_bytes()
    shard = record.with_suffix(writer.store.suffix)
    record.unlink()
    assert "emi-extract run settles" in str(verify(path).findings[0])
    os.utime(shard, (0, 0))
    report = verify(path)
    assert "--repair sets it aside" in str(report.findings[0])
    record.write_bytes(kept)
    assert repair(path, report).aside is None, "its writer was there after all"
    record.unlink()
    done = repair(path, report)
    assert (done.orphans, done.shards, done.clips) == ((shard.name,), (), ())
    assert (done.aside / shard.name).exists()
    assert "1 shard that no record names" in as_text(path, done)
    assert verify(path).findings == ()
    assert len(remake(writer, planned, make_clip)) == 3
    assert diff(path, path.parent / "intact", exact=True) == []


def test_the_command(planned_cache) -> None:
    path, _, _ = planned_cache
    flip(data_file(path, 0), 10)
    result = CliRunner().invoke(app, ["verify", str(path), "--repair"])
    assert result.exit_code == 3
    assert "1 shard set aside" in result.stdout
    assert "makes 3 clips again" in result.stdout
    assert CliRunner().invoke(app, ["verify", str(path), "--repair"]).exit_code == 0


def test_every_flipped_bit_of_a_zarr_shard_is_found_and_the_array_named(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1, store="zarr")
    shard = next((tmp_path / "c" / "shards").glob("*.zarr"))
    for file in sorted(path for path in shard.rglob("*") if path.is_file()):
        original = file.read_bytes()
        for position in {0, len(original) // 2, len(original) - 1}:
            flip(file, position)
            findings = verify(tmp_path / "c").findings
            assert findings, file
            name = file.relative_to(shard).as_posix().rsplit("/", 1)[0]
            is_data = file.name.startswith("c.")
            if is_data and position < len(original) - 4 and name != "content":
                assert name in {finding.field for finding in findings}, file
            file.write_bytes(original)
    assert verify(tmp_path / "c").findings == ()


def test_missing_and_foreign_files_inside_a_zarr_shard_are_found(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1, store="zarr")
    shard = next((tmp_path / "c" / "shards").glob("*.zarr"))
    chunk = shard / "clips" / "cut" / "c.0"
    original = chunk.read_bytes()
    chunk.unlink()
    assert "promises" in str(verify(tmp_path / "c").findings[0])
    chunk.write_bytes(original)
    (shard / "evil").write_bytes(b"x")
    assert verify(tmp_path / "c").findings
    (shard / "evil").unlink()
    metadata = shard / "frames" / "vad" / "zarr.json"
    metadata.write_text(metadata.read_text().replace("float32", "float64"))
    assert verify(tmp_path / "c").findings
