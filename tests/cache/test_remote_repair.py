"""A damaged cache behind a URL is repaired as one in a folder is."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import replace

import pytest

from cache import CacheReader, CacheWriter, diff, repair, verify
from cache.commit import remote_leases
from cache.common.storage.remote import RemoteStorage
from cache.common.storage.url_path import place
from cache.format import catalog
from cache.shards import remote_files
from cache.shards.registry import STORES
from cache.tools import verify as verifying
from cache.tools.repair import as_text, mend_description


@pytest.fixture(autouse=True)
def nothing_kept():
    remote_files.forget()


@pytest.fixture(params=STORES)
def both(request, tmp_path, recipe, fields, make_clip, upload):
    """A cache of five shards of three clips with all kinds of damage, in a folder and behind a URL.

    Zarr's many objects are in memory, which answers as S3 does, and sooner.
    """
    hdf5 = request.param == "hdf5"
    bucket = request.getfixturevalue("bucket") if hdf5 else place(f"memory://{uuid.uuid4().hex}")
    path = tmp_path / "c"
    planned = {f"{number:02}": 7 for number in range(15)}
    writer = CacheWriter.open(path, recipe, fields, store=request.param, shard_mb=3 * 7 * 28e-6)
    for plan in writer.plan(planned):
        writer.commit([make_clip(clip_id) for clip_id in plan.planned], plan)
    shutil.copytree(path, tmp_path / "intact")
    first, second, third, fourth, _ = CacheReader(path).records
    shards = path / "shards"

    def data(record):
        whole = shards / record.file
        return whole if whole.is_file() else whole / "frames" / "hidden_states" / "2" / "c.0.0"

    dataset = first.datasets["frames/hidden_states/2"]
    damaged = bytearray(data(first).read_bytes())
    damaged[(dataset.offset or 0) + first.num_frames[0] * dataset.row_bytes] ^= 4
    data(first).write_bytes(damaged)  # a bit of its second clip
    (shards / f"{second.name}.json").write_bytes(b"no record")
    data(third).write_bytes(data(third).read_bytes()[:100])
    shutil.rmtree(shards / fourth.file) if data(fourth) != shards / fourth.file else data(fourth).unlink()
    return path, upload(path, bucket / "cache"), planned


def test_every_kind_of_damage_ends_as_in_a_folder(both, make_clip, tmp_path, recipe, fields) -> None:
    path, url, planned = both
    before = [f"{finding.shard} {finding.clip} {finding.field}" for finding in verify(path).findings]
    report = verify(url)
    assert [f"{finding.shard} {finding.clip} {finding.field}" for finding in report.findings] == before
    done, here = repair(url, report), repair(path, verify(path))
    assert replace(done, aside=None) == replace(here, aside=None)
    assert len(done.restored) == 1
    assert len(done.salvaged) >= 2
    assert "the next emi-extract run on this cache makes" in as_text(url, done)
    assert verify(url).findings == ()
    assert diff(path, url, exact=True) == []
    assert done.aside is not None
    inside = {entry.name for entry in done.aside.storage.list("")}
    assert inside == {
        item.relative_to(here.aside).as_posix() for item in here.aside.rglob("*") if item.is_file()
    }
    assert repair(url, verify(url)) == replace(done, **dict.fromkeys(EMPTY, ()), aside=None)
    writer = CacheWriter.open(url, recipe, fields)
    for plan in writer.plan(planned):
        assert plan.planned.keys() <= set(done.clips)
        writer.commit([make_clip(clip_id) for clip_id in plan.planned], plan)
    assert diff(tmp_path / "intact", url, exact=True) == []


EMPTY = ("shards", "clips", "unreadable", "outdated", "orphans", "salvaged", "restored", "recorded")


def test_a_shard_that_no_record_names_is_recorded_once_its_writer_is_surely_gone(both, monkeypatch) -> None:
    _, url, _ = both
    repair(url, verify(url))
    record = catalog.read_records(url)[0]
    url.storage.delete(f"shards/{record.name}.json")
    [finding] = verify(url).findings
    assert (finding.orphan, finding.repair) == (True, False)
    monkeypatch.setattr(verifying, "ORPHAN_SECONDS", -60)
    assert repair(url, verify(url)).recorded == (record.file,)
    assert verify(url).findings == ()


def test_one_flipped_bit_of_the_description_is_put_right(both) -> None:
    _, url, _ = both
    data = bytearray(url.storage.read("cache.json").data)
    data[40] ^= 1
    url.storage.replace_if_match("cache.json", None, bytes(data))
    assert mend_description(url)
    assert catalog.read_description(url)
    assert len(url.storage.names("damaged")) == 1


def test_killed_before_any_request_nothing_is_lost(make_cache, tmp_path, upload, monkeypatch) -> None:
    make_cache(tmp_path / "c", shards=2)
    record = CacheReader(tmp_path / "c").records[0]
    dataset = record.datasets["frames/hidden_states/2"]
    shard = tmp_path / "c" / "shards" / record.file
    damaged = bytearray(shard.read_bytes())
    damaged[dataset.offset] ^= 4
    shard.write_bytes(damaged)
    kept = {*record.clip_ids[1:], *CacheReader(tmp_path / "c").records[1].clip_ids}
    ended = False
    monkeypatch.setattr(verifying, "ORPHAN_SECONDS", -60)
    monkeypatch.setattr(remote_leases, "TURN_SECONDS", 0.05)  # this process is killed, and lives
    for count in range(40):
        url = upload(tmp_path / "c", place(f"memory://{uuid.uuid4().hex}/c"))
        remote_files.forget()
        report = verify(url)
        with monkeypatch.context() as patch:
            left = iter(range(count))
            for name in ("put_if_absent", "replace_if_match", "delete", "delete_all"):
                patch.setattr(RemoteStorage, name, _until_killed(getattr(RemoteStorage, name), left))
            try:
                repair(url, report)
                ended = True
            except _KilledError:
                pass
        readable = set()
        reader = CacheReader(url)
        for clip_id in kept & set(reader):
            assert reader[clip_id].frames["vad"].any()
            readable.add(clip_id)
        assert readable == kept
        for _ in range(2):  # what the first finds of a shard that was half moved
            repair(url, verify(url))
        assert set(CacheReader(url)) == kept
        assert verify(url).findings == ()
        if ended:
            break
    assert ended
    assert count > 4


class _KilledError(BaseException):
    """The process ends here."""


def _until_killed(plain, left):
    def method(*given):
        if next(left, None) is None:
            raise _KilledError
        return plain(*given)

    return method
