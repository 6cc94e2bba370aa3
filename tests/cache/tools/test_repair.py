"""Damaged shards are set aside, their intact clips stay, and exactly the others are made again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter, diff, repair, verify
from cache.__main__ import app
from cache.common import durable
from cache.format.catalog import read_record
from cache.format.record import CommitRecord
from cache.shards.registry import STORES
from cache.tools.repair import as_text

GOLDEN = Path(__file__).parents[1] / "golden"


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


def clip_place(path: Path, index: int, row: int) -> tuple[Path, int]:
    """The file and the byte in it where the frames of a clip begin."""
    record = CacheReader(path).records[index]
    dataset = record.datasets["frames/hidden_states/2"]
    return data_file(path, index), (dataset.offset or 0) + sum(record.num_frames[:row]) * dataset.row_bytes


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


def test_exactly_the_damaged_clips_are_made_again(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    records = CacheReader(path).records
    flip(*clip_place(path, 1, row=1))
    lost = {records[1].clip_ids[1], *records[3].clip_ids}
    shard = path / "shards" / records[3].file
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    done = repair(path, verify(path))
    assert set(done.clips) == lost
    assert done.salvaged == (records[1].clip_ids[0], records[1].clip_ids[2])
    assert set(done.shards) == {records[1].name, records[3].name}
    assert verify(path).findings == ()
    assert set(CacheReader(path).clip_ids) == planned.keys() - lost
    differences = diff(path, path.parent / "intact", exact=True)
    assert {(line.problem, line.clip) for line in differences} == {
        (f"only in {path.parent / 'intact'}", clip_id) for clip_id in lost
    }
    assert remake(writer, planned, make_clip) == lost
    assert diff(path, path.parent / "intact", exact=True) == []
    assert verify(path).findings == ()
    assert {r.content.generation for r in CacheReader(path).records} == {0, 1}
    assert writer.plan(planned) == []


def test_a_repaired_shard_may_be_damaged_again(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    for _ in range(3):
        index = next(i for i, r in enumerate(CacheReader(path).records) if "00" in r.clip_ids)
        flip(*clip_place(path, index, CacheReader(path).records[index].clip_ids.index("00")))
        assert repair(path, verify(path)).clips == ("00",)
        assert remake(writer, planned, make_clip) == {"00"}
    assert diff(path, path.parent / "intact", exact=True) == []
    assert max(r.content.generation for r in CacheReader(path).records) == 3


def test_a_damaged_replacement_says_that_older_values_count_until_then(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    [plan] = [p for p in writer.plan(planned, replace={"05"})]
    writer.commit([make_clip("05", 9)], plan)
    index = [r.name for r in CacheReader(path).records].index(plan.name)
    flip(*clip_place(path, index, 0))
    done = repair(path, verify(path))
    assert (done.clips, done.outdated) == (("05",), ("05",))
    assert CacheReader(path).num_frames("05") == 7
    [again] = writer.plan(planned)
    assert (set(again.planned), again.generation) == ({"05"}, 2)
    writer.commit([make_clip("05", 9)], again)
    assert CacheReader(path).num_frames("05") == 9


@pytest.mark.parametrize("text", ["", "{", '{"format_version": 7}', "[" * 100_000])
def test_an_unreadable_record_is_made_again_from_its_shard(planned_cache, text) -> None:
    path, writer, planned = planned_cache
    target = sorted((path / "shards").glob("*.json"))[2]
    target.write_text(text)
    done = repair(path, verify(path))
    assert (done.restored, done.clips, done.shards) == ((target.stem,), (), ())
    assert (done.aside / target.name).read_text() == text
    assert "1 commit record made again from the shard: no clip lost" in as_text(path, done)
    assert verify(path).findings == ()
    assert writer.plan(planned) == []
    assert diff(path, path.parent / "intact", exact=True) == []


def test_with_a_damaged_record_and_a_damaged_clip_that_clip_is_lost(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    [*_, lost] = CacheReader(path).records[2].clip_ids
    flip(*clip_place(path, 2, row=2))
    flip(sorted((path / "shards").glob("*.json"))[2], 40)
    done = repair(path, verify(path))
    assert (done.clips, len(done.salvaged)) == ((lost,), 2)
    assert verify(path).findings == ()
    assert remake(writer, planned, make_clip) == {lost}
    assert diff(path, path.parent / "intact", exact=True) == []


def test_a_shard_of_an_earlier_version_without_its_record_is_set_aside(tmp_path) -> None:
    """Nothing in it says what its clip-level values must be."""
    shutil.copytree(GOLDEN / "hdf5", tmp_path / "c")
    record = tmp_path / "c" / "shards" / "62a397b68ebafdca-0.json"
    record.write_text("{")
    done = repair(tmp_path / "c", verify(tmp_path / "c"))
    assert (done.unreadable, done.restored) == ((record.stem,), ())
    assert verify(tmp_path / "c").findings == ()


def test_a_clip_of_an_earlier_versions_shard_is_lost_alone(tmp_path) -> None:
    for store in ("hdf5", "zarr"):
        path = tmp_path / store
        shutil.copytree(GOLDEN / store, path)
        index = next(i for i, r in enumerate(CacheReader(path).records) if r.content.generation == 0)
        flip(*clip_place(path, index, row=0))
        done = repair(path, verify(path))
        lost = CacheReader(GOLDEN / store).records[index].clip_ids[0]
        assert done.clips == (lost,)
        assert set(CacheReader(path).clip_ids) == set(CacheReader(GOLDEN / store).clip_ids) - {lost}
        assert {line.problem for line in diff(path, GOLDEN / store, exact=True)} == {
            f"only in {GOLDEN / store}"
        }


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


def test_a_copied_shard_is_never_recorded_under_its_new_name(planned_cache) -> None:
    path, writer, _ = planned_cache
    record = sorted((path / "shards").glob("*.json"))[0]
    shard = record.with_suffix(writer.store.suffix)
    copy = shutil.copytree if shard.is_dir() else shutil.copy
    for name in ("backup", "0123456789abcdef-0"):
        copy(shard, shard.with_name(name + shard.suffix))
        os.utime(shard.with_name(name + shard.suffix), (0, 0))
    shutil.copy(record, record.with_name("backup.json"))
    done = repair(path, verify(path))
    assert {item.name for item in done.aside.iterdir()} == {
        *("backup.json", f"backup{shard.suffix}", f"0123456789abcdef-0{shard.suffix}")
    }
    assert verify(path).findings == ()
    assert diff(path, path.parent / "intact", exact=True) == []


def test_an_intact_shard_that_waits_for_its_record_for_hours_gets_it(planned_cache) -> None:
    path, writer, _ = planned_cache
    record = sorted((path / "shards").glob("*.json"))[0]
    kept = record.read_bytes()
    shard = record.with_suffix(writer.store.suffix)
    record.unlink()
    assert "emi-extract run settles" in str(verify(path).findings[0])
    os.utime(shard, (0, 0))
    report = verify(path)
    assert "--repair records it if it is sound" in str(report.findings[0])
    record.write_bytes(kept)
    assert repair(path, report).aside is None, "its writer was there after all"
    record.unlink()
    done = repair(path, report)
    assert (done.recorded, done.orphans, done.aside) == ((shard.name,), (), None)
    assert "1 intact shard without a record recorded" in as_text(path, done)
    assert read_record(record) == CommitRecord.from_bytes(kept, record.name)
    assert diff(path, path.parent / "intact", exact=True) == []


def test_a_damaged_shard_that_waits_for_its_record_for_hours_is_set_aside(planned_cache, make_clip) -> None:
    path, writer, planned = planned_cache
    flip(*clip_place(path, 0, row=1))
    record = sorted((path / "shards").glob("*.json"))[0]
    shard = record.with_suffix(writer.store.suffix)
    record.unlink()
    os.utime(shard, (0, 0))
    done = repair(path, verify(path))
    assert (done.orphans, done.recorded, done.shards) == ((shard.name,), (), ())
    assert (done.aside / shard.name).exists()
    assert "1 shard that no record names" in as_text(path, done)
    assert verify(path).findings == ()
    assert len(remake(writer, planned, make_clip)) == 3
    assert diff(path, path.parent / "intact", exact=True) == []


def test_the_command_names_the_lost_clips(planned_cache) -> None:
    path, _, _ = planned_cache
    lost = CacheReader(path).records[0].clip_ids[1]
    flip(*clip_place(path, 0, row=1))
    result = CliRunner().invoke(app, ["verify", str(path), "--repair"])
    assert result.exit_code == 3
    assert "1 shard set aside" in result.stdout
    assert "2 intact clips of them kept, in a new shard" in result.stdout
    assert f"makes 1 clip again: {lost}\n" in result.stdout
    assert CliRunner().invoke(app, ["verify", str(path), "--repair"]).exit_code == 0


class Killed(BaseException):
    """What a kill at one instant is to the code."""


@pytest.mark.parametrize("planned_cache", ["hdf5"], indirect=True)
def test_killed_at_any_step_nothing_is_lost(planned_cache, tmp_path, monkeypatch) -> None:
    path, _, planned = planned_cache
    lost = CacheReader(path).records[0].clip_ids[1]
    flip(*clip_place(path, 0, row=1))
    flip(sorted((path / "shards").glob("*.json"))[2], 40)
    steps, real = 0, durable.fsync_folder
    for kill_at in range(100):
        killed = tmp_path / f"killed-{kill_at}"
        shutil.copytree(path, killed)
        count = iter(range(1000))

        def step(folder: Path, count=count, kill_at=kill_at) -> None:
            real(folder)
            if next(count) == kill_at:
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(durable, "fsync_folder", step)
            try:
                repair(killed, verify(killed))
            except Killed:
                steps += 1
        done = repair(killed, verify(killed))
        assert set(CacheReader(killed).clip_ids) == planned.keys() - {lost}, kill_at
        assert {line.problem for line in diff(killed, tmp_path / "intact", exact=True)} == {
            f"only in {tmp_path / 'intact'}"
        }
        assert all(finding.orphan for finding in verify(killed).findings), "a damaged file without its record"
        shutil.rmtree(killed)
        if steps <= kill_at:
            break
    assert steps >= 6
    assert done.aside is None


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
