"""What workers say is answered and counted by the process that started the run."""

from __future__ import annotations

import io
import signal

import pytest

from cache.commit.partition import ShardPlan
from cache.common.errors import StorageError
from cache.common.progress import Progress
from extract.run.engines.crew import Crew, how_it_died
from extract.run.engines.supply import ShardServer
from extract.run.progress import RunMeter


@pytest.fixture
def meter(tmp_path) -> RunMeter:
    return RunMeter(Progress(io.StringIO()), tmp_path / "log")


@pytest.fixture
def server() -> ShardServer:
    return ShardServer([ShardPlan("s", {"a": 1}, "plan")], {"a": "A"})


def test_a_question_is_answered_with_a_shard_and_whether_all_is_done(meter, server) -> None:
    crew = Crew(server, meter)
    (shard, clips), finished = crew.hear("w", ("take",))
    assert (shard.name, clips, finished) == ("s", {"a": "A"}, False)
    assert crew.hear("w", ("take",)) == (None, False)
    assert crew.hear("w", ("done", "s")) is None
    assert crew.hear("w", ("take",)) == (None, True)


def test_what_the_meter_of_a_worker_counts_is_counted(meter, server, tmp_path) -> None:
    crew = Crew(server, meter)
    for message in [
        ("add", 2, 3.5),
        ("committed", ("a", "b")),
        ("log", "a line"),
        ("started", "host", 7),
        ("error", "why"),
        ("phases", {"encode": 2.0}),
    ]:
        assert crew.hear("w", message) is None
    assert (meter.clip_ids, meter.seconds_of_sound) == ({"a", "b"}, 3.5)
    assert "a line" in (tmp_path / "log").read_text()
    assert (crew.places, crew.reasons) == ({"w": ("host", 7)}, {"w": "why"})
    assert meter.phases["encode"] == 0, "this process waits for its own only"
    Crew(server, meter, with_phases=True).hear("w", ("phases", {"encode": 2.0, "wait_write": 1.0}))
    assert (meter.phases["encode"], meter.phases["wait_write"]) == (2.0, 1.0)


def test_a_log_that_cannot_be_written_leaves_no_worker_unheard(meter, server, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise StorageError("full")

    monkeypatch.setattr(meter, "receive", fails)
    assert Crew(server, meter).hear("w", ("add", 1, 1.0)) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "killed, as the system does when memory runs out"),
        (-signal.SIGSEGV, "ended by SIGSEGV"),
        (3, "exit code 3"),
    ],
)
def test_an_exit_code_is_put_in_words(code, words) -> None:
    assert how_it_died(code) == words
