"""Stopped, killed, started twice, spread over workers: the cache ends up the same, and nothing is done twice."""

from __future__ import annotations

import json
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

from cache import CacheReader, verify
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run import updates
from extract.run.extract import extract

SHARD_MB = 0.02  # a few clips


def start(clips: Path, out: Path, model: str, *more: str, code: str = "") -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    arguments = ["run", str(clips), "--out", str(out), "--model", model, "--device", "cpu"]
    arguments += ["--shard-mb", str(SHARD_MB), *more]
    program = f"import sys; {code}\nfrom extract.__main__ import main; sys.argv[1:] = {arguments!r}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# Slow the encoder down, so that a signal reliably finds the run in the middle of its work.
SLOW = (
    "import time; import extract.encoders.logmel as m; plain = m.LogMel.encode; "
    "m.LogMel.encode = lambda self, clips: (time.sleep(0.15), plain(self, clips))[1]"
)
LOGMEL = ExtractOptions(EncoderOptions("logmel"), shard_mb=SHARD_MB)


@pytest.fixture(scope="module")
def logmel_reference(tmp_path_factory, clips) -> Path:
    """The cache of an uninterrupted run of the encoder that starts quickly."""
    out = tmp_path_factory.mktemp("logmel") / "cache"
    extract(clips, out, LOGMEL)
    return out


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def committed(out: Path) -> int:
    return len(list(out.glob("shards/*.json")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_with_75_and_the_next_run_continues(
    assert_same, tmp_path, clips, logmel_reference, number
) -> None:
    run = start(clips, tmp_path / "c", "logmel", code=SLOW)
    wait_for(lambda: committed(tmp_path / "c") >= 1)
    run.send_signal(number)
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 75, stderr
    assert "run the same command again to continue" in stdout + stderr
    assert "Traceback" not in stderr
    assert 1 <= committed(tmp_path / "c") < len(CacheReader(logmel_reference).records)
    summary = extract(clips, tmp_path / "c", LOGMEL)
    assert summary.cached_before >= 1
    assert_same(logmel_reference, tmp_path / "c")


def test_the_same_command_started_twice_makes_one_cache(
    assert_same, tmp_path, clips, logmel_reference
) -> None:
    runs = [start(clips, tmp_path / "c", "logmel") for _ in range(2)]
    for run in runs:
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr
    assert_same(logmel_reference, tmp_path / "c")


def test_two_workers_on_the_cpu_make_the_same_cache(
    assert_same, tmp_path, clips, reference, tiny_encoder
) -> None:
    run = start(clips, tmp_path / "c", str(tiny_encoder), "--device", "cpu,cpu", "--json")
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr
    assert json.loads(stdout)["extracted"] == 12
    assert_same(reference, tmp_path / "c")
    assert "Traceback" not in stderr


def test_a_worker_that_cannot_start_is_one_line(tmp_path, clips, tiny_encoder) -> None:
    run = start(clips, tmp_path / "c", str(tiny_encoder), "--device", "cpu,cuda:7")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "cuda:7" in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_the_time_that_is_given_ends_the_run_with_75(assert_same, tmp_path, clips, logmel_reference) -> None:
    run = start(clips, tmp_path / "c", "logmel", "--max-minutes", "0.01", "--grace", "0", code=SLOW)
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 75, stderr
    assert "run the same command again" in stdout
    extract(clips, tmp_path / "c", LOGMEL)
    assert_same(logmel_reference, tmp_path / "c")


def test_update_decodes_a_file_that_sounds_as_before_only_once(
    tmp_path, voice, write_media, options, monkeypatch
) -> None:
    folder, update = tmp_path / "clips", replace(options, update=True)
    for number in range(2):
        write_media(folder / f"{number}.wav", voice(0.5, seed=number))
    extract(folder, tmp_path / "c", options)
    decoded = []
    plain = updates.decode
    monkeypatch.setattr(
        updates, "decode", lambda clip, most: decoded.append(clip.clip_id) or plain(clip, most)
    )

    def updated(decodes: list[str]) -> None:
        decoded.clear()
        assert extract(folder, tmp_path / "c", update).extracted == 0
        assert decoded == decodes

    os.utime(folder / "1.wav", (1, 1))
    assert extract(folder, tmp_path / "c", options).touched == 1
    updated(["1"])
    updated([])
    assert extract(folder, tmp_path / "c", options).touched == 0
    os.utime(folder / "1.wav", (2, 2))
    updated(["1"])
    (tmp_path / "c" / "heard.json").write_text("[3]")
    updated(["1"])
    write_media(folder / "1.wav", voice(0.7, seed=9))
    assert extract(folder, tmp_path / "c", update).updated == 1
    updated([])
    assert verify(tmp_path / "c").findings == ()


def test_update_extracts_again_what_sounds_different_and_nothing_else(
    tmp_path, voice, write_media, options
) -> None:
    folder = tmp_path / "clips"
    for number in range(6):
        write_media(folder / f"{number}.wav", voice(0.5, seed=number))
    extract(folder, tmp_path / "c", options)
    before = {clip_id: CacheReader(tmp_path / "c")[clip_id].frames["vad"] for clip_id in "012345"}
    write_media(folder / "2.wav", voice(0.7, seed=9))
    os.utime(folder / "4.wav", (1, 1))  # copied: another time, the same sound
    plain = extract(folder, tmp_path / "c", options)
    assert (plain.extracted, plain.touched) == (0, 2)
    update = replace(options, update=True)
    summary = extract(folder, tmp_path / "c", update)
    assert (summary.extracted, summary.updated, summary.cached) == (1, 1, 6)
    reader = CacheReader(tmp_path / "c")
    assert reader.num_frames("2") == 34
    for clip_id in "01345":
        np.testing.assert_array_equal(reader[clip_id].frames["vad"], before[clip_id])
    assert verify(tmp_path / "c").findings == ()
    assert extract(folder, tmp_path / "c", update).extracted == 0
    assert extract(folder, tmp_path / "c", options).touched == 0, "its sound was compared"
    (folder / "3.wav").write_bytes(b"broken now")
    broken = extract(folder, tmp_path / "c", update)
    assert [failure.reason for failure in broken.failures] == ["unreadable"]
    np.testing.assert_array_equal(CacheReader(tmp_path / "c")["3"].frames["vad"], before["3"])
