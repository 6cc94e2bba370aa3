"""Stopped, killed, started twice: the cache ends up the same, and nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cache import CacheReader
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract

SHARD_MB = 0.02  # a few clips


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
    assert_same, start_run, tmp_path, clips, logmel_reference, number
) -> None:
    run = start_run(clips, tmp_path / "c", "logmel", code=SLOW)
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
    assert_same, start_run, tmp_path, clips, logmel_reference
) -> None:
    runs = [start_run(clips, tmp_path / "c", "logmel") for _ in range(2)]
    for run in runs:
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr
    assert_same(logmel_reference, tmp_path / "c")


def test_the_time_that_is_given_ends_the_run_with_75(
    assert_same, start_run, tmp_path, clips, logmel_reference
) -> None:
    run = start_run(clips, tmp_path / "c", "logmel", "--max-minutes", "0.01", "--grace", "0", code=SLOW)
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 75, stderr
    assert "run the same command again" in stdout
    extract(clips, tmp_path / "c", LOGMEL)
    assert_same(logmel_reference, tmp_path / "c")
