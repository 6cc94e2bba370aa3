"""Several runs of extract on one cache: leases share the work out, and no accident of timing does damage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, repair, verify
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract

SHARD_MB = 0.005  # three clips of the tiny encoder
SLOW = (
    "import time; import extract.encoders.speech.transformer as m; plain = m.SpeechTransformer.encode; "
    "m.SpeechTransformer.encode = lambda self, clips: (time.sleep(0.2), plain(self, clips))[1]; "
    "import cache.commit.leases; cache.commit.leases.LEASE_SECONDS = 1.5"
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory, voice, write_media) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(12):
        write_media(folder / f"{number:05}.wav", voice(0.4, seed=number))
    return folder


@pytest.fixture(scope="module")
def options(tiny_encoder) -> ExtractOptions:
    return ExtractOptions(
        EncoderOptions(str(tiny_encoder), device="cpu"), shard_mb=SHARD_MB, batch_seconds=0.0
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory, clips, options) -> Path:
    out = tmp_path_factory.mktemp("reference") / "cache"
    extract(clips, out, options)
    assert len(CacheReader(out).records) >= 3
    return out


def assert_same_values(one: Path, other: Path) -> None:
    a, b = CacheReader(one), CacheReader(other)
    assert set(a.clip_ids) == set(b.clip_ids)
    for clip_id in a.clip_ids:
        for name, values in a[clip_id].frames.items():
            np.testing.assert_array_equal(values, b[clip_id].frames[name])
    assert verify(one).findings == verify(other).findings == ()


def start(clips: Path, out: Path, encoder: Path, store: str = "hdf5") -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    arguments = ["run", str(clips), "--out", str(out), "--model", str(encoder), "--device", "cpu"]
    arguments += ["--shard-mb", str(SHARD_MB), "--batch-seconds", "0", "--backend", store]
    program = f"import sys; {SLOW}\nfrom extract.__main__ import main; sys.argv[1:] = {arguments!r}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_a_run_stopped_for_longer_than_its_lease_and_continued_does_no_damage(
    tmp_path, clips, reference, options, tiny_encoder, store
) -> None:
    out = tmp_path / "c"
    stopped = start(clips, out, tiny_encoder, store)
    wait_for(lambda: list(out.glob("leases/*.lease")))
    stopped.send_signal(signal.SIGSTOP)
    try:
        summary = extract(clips, out, replace(options, store=store))
    finally:
        stopped.send_signal(signal.SIGCONT)
    assert summary.extracted + summary.cached_before == 12
    _, stderr = stopped.communicate(timeout=60)
    assert stopped.returncode == 0, stderr
    assert_same_values(reference, out)
    assert [record.name for record in CacheReader(out).records] == [
        record.name for record in CacheReader(reference).records
    ]
    assert not list(out.glob("leases/*"))
    assert not list(out.rglob("*.tmp"))


def test_a_shard_that_another_run_holds_is_left_to_it(tmp_path, clips, reference, options) -> None:
    out = tmp_path / "c"
    extract(clips, out, replace(options, limit=1))
    writer = CacheWriter.open(out, CacheReader(out).recipe, list(CacheReader(out).frame_fields.values()))
    writer.lease_seconds = 1.0
    planned = {f"{number:05}": CacheReader(reference).num_frames(f"{number:05}") for number in range(12)}
    plan = writer.plan(planned)[0]
    lease = writer.lease(plan)
    assert lease
    begun = time.monotonic()
    assert extract(clips, out, options).extracted + len(CacheReader(out)) >= 12
    assert time.monotonic() - begun > 0.3, "the last shard had to wait until the lease ran out"
    assert_same_values(reference, out)


def test_leases_are_given_back_when_a_run_fails(tmp_path, clips, options, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cache.common.durable.write_durable", fails)
    with pytest.raises(OSError, match="full"):
        extract(clips, tmp_path / "c", options)
    monkeypatch.undo()
    assert not list(tmp_path.glob("c/leases/*.lease"))
    assert extract(clips, tmp_path / "c", options).extracted == 12


def test_a_repaired_cache_gets_exactly_the_lost_clips_back(tmp_path, clips, reference, options) -> None:
    out = tmp_path / "c"
    extract(clips, out, options)
    record = max(CacheReader(out).records, key=lambda record: len(record.clip_ids))
    file = out / "shards" / record.file
    data = bytearray(file.read_bytes())
    data[next(each.offset for name, each in record.datasets.items() if name.startswith("frames/"))] ^= 1
    file.write_bytes(data)
    done = repair(out, verify(out))
    assert (done.clips, len(done.salvaged)) == (record.clip_ids[:1], len(record.clip_ids) - 1)
    assert extract(clips, out, options).extracted == 1
    assert_same_values(reference, out)
    assert extract(clips, out, options).extracted == 0


def test_a_run_in_zarr_equals_one_in_hdf5(tmp_path, clips, reference, options) -> None:
    extract(clips, tmp_path / "c", replace(options, store="zarr"))
    assert_same_values(reference, tmp_path / "c")
    assert {record.store for record in CacheReader(tmp_path / "c").records} == {"zarr"}
