"""The meter counts clips, sound and time, for its own process or for the one that started it."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest

from cache.commit.failures import Failure
from cache.common.progress import Progress
from extract.run.progress import RunMeter

RECORD = SimpleNamespace(name="abc-0", clip_ids=("a", "b"), num_bytes=7)


def test_a_meter_counts_and_logs(tmp_path) -> None:
    with RunMeter(Progress(io.StringIO()), tmp_path / "logs" / "x.log") as meter:
        meter.start(3)
        meter.add(2, 5.0)
        meter.committed(RECORD)
        meter.failed(Failure("c", "c.wav", "decode", "unreadable", "why"))
        with meter.phase("encode"):
            pass
    assert meter.clip_ids == {"a", "b"}
    assert meter.seconds_of_sound == 5.0
    assert meter.phases["encode"] > 0.0 == meter.phases["wait_write"]
    lines = (tmp_path / "logs" / "x.log").read_text().splitlines()
    assert [re.sub(r"^[-\dT:]+ ", "", line) for line in lines] == [
        "committed abc-0: 2 clips, 7 bytes",
        "failed c: unreadable: why",
    ]


def test_what_a_worker_counts_counts_where_it_was_started() -> None:
    here = RunMeter(Progress(io.StringIO()))
    there = RunMeter(Progress(io.StringIO()), send=lambda message: here.receive(*message))
    there.add(2, 5.0)
    there.committed(RECORD)
    assert (here.clip_ids, here.seconds_of_sound) == ({"a", "b"}, 5.0)


def test_a_note_is_kept_for_the_summary_and_logged(tmp_path) -> None:
    meter = RunMeter(Progress(io.StringIO()), tmp_path / "log")
    meter.note("a worker ended early, in \udce9")
    assert meter.notes == ["a worker ended early, in \udce9"]
    assert "a worker ended early" in (tmp_path / "log").read_text()


def test_an_error_that_ends_the_run_is_the_last_line_of_the_log(tmp_path) -> None:
    with pytest.raises(ValueError, match="odd"), RunMeter(Progress(io.StringIO()), tmp_path / "x.log"):
        raise ValueError("odd")
    assert (tmp_path / "x.log").read_text().endswith("ended by ValueError: odd\n")


def test_the_line_says_how_far_how_fast_and_what_it_waits_for() -> None:
    meter = RunMeter(Progress(io.StringIO()))
    meter.start(4)
    meter.phases["wait_decode"] = 9.0
    meter.add(1, 2.0)
    assert re.search(r"1/4 clips .* clips/s .* × real time  ETA .*  bound: decode$", meter._line())
