"""A worker asks for its shards through a link; what it needs to know of the source comes with them."""

from __future__ import annotations

import threading

import pytest

from cache.commit.leases import LEASE_SECONDS
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.errors import ExtractError
from extract.options import ExtractOptions
from extract.run import sound_run
from extract.run.engines.job import Job
from extract.run.engines.ray_worker import RayWorker
from extract.run.engines.supply import OwnSupply, ShardServer
from extract.run.engines.worker import RemoteSupply, work
from extract.run.extract import extract
from extract.run.opening import open_writer
from extract.run.run_plan import plan_run
from extract.run.sound_run import SoundRun
from extract.run.stopping import StopRequest
from extract.sources.find import find_clips

LOGMEL = ExtractOptions(EncoderOptions("logmel", device="cpu"), shard_mb=0.02)


class Link:
    """Answers from a server in the same process, and keeps what is said."""

    def __init__(self, server: ShardServer) -> None:
        self.own, self.said, self._answers, self.server = OwnSupply(server), [], [], server

    def send(self, message) -> None:
        self.said.append(message)
        if message[0] == "take":
            assignment = self.own.take()
            self._answers.append((assignment and tuple(assignment), self.server.is_finished))
        elif message[0] == "done":
            self.server.done("this process", message[1])

    def receive(self):
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


def heard_out(actor: RayWorker, own: Link) -> list[str]:
    """Answer an actor until it has ended; return the kinds of what it said."""
    kinds = []
    while "ended" not in kinds:
        for message in actor.events():
            kinds.append(message[0])
            own.send(message)
            if message[0] == "take":
                actor.tell(own.receive())
    return kinds


@pytest.fixture
def planned(tmp_path, clips):
    """A cache that has been begun, and the server of its shards."""
    source = find_clips(clips)
    model = load_encoder(LOGMEL.encoder)
    writer = open_writer(tmp_path / "c", LOGMEL, model)
    plan = plan_run(source, model, writer, LOGMEL, lambda *_: None)
    return tmp_path / "c", ShardServer(plan.shards, plan.clips)


def test_a_worker_makes_what_a_run_makes(planned, clips, tmp_path, assert_same) -> None:
    out, server = planned
    link = Link(server)
    work(Job("cpu", SoundRun(out, LOGMEL)), link, StopRequest(30))
    assert server.is_finished
    kinds = [message[0] for message in link.said]
    assert (kinds[0], kinds[-1]) == ("started", "phases")
    assert kinds.count("done") == len({message[1] for message in link.said if message[0] == "done"})
    extract(clips, tmp_path / "other", LOGMEL)
    assert_same(tmp_path / "other", out)


def test_leases_last_as_long_as_the_job_says(planned, monkeypatch) -> None:
    out, server = planned
    seen = []
    plain = sound_run.open_writer
    monkeypatch.setattr(sound_run, "open_writer", lambda *given: seen.append(plain(*given)) or seen[-1])
    work(Job("cpu", SoundRun(out, LOGMEL), lease_seconds=60.0), Link(server), StopRequest(30))
    assert [writer.lease_seconds for writer in seen] == [60.0]
    assert Job("cpu", SoundRun(out, LOGMEL)).lease_seconds == LEASE_SECONDS


def test_a_folder_that_this_machine_does_not_see_is_no_new_cache(tmp_path) -> None:
    with pytest.raises(ExtractError, match="--out must be a folder that all machines see"):
        work(Job("cpu", SoundRun(tmp_path / "c", LOGMEL)), Link(ShardServer([], {})), StopRequest(30))
    assert not (tmp_path / "c").exists()


def test_nobody_at_the_other_end_means_that_there_is_nothing_to_do() -> None:
    link = Link(ShardServer([], {}))
    link.send = lambda _message: None
    supply = RemoteSupply(link)
    assert supply.take() is None
    assert not supply.wait()


def test_the_actor_carries_the_words_of_its_worker(planned) -> None:
    out, server = planned
    kinds = heard_out(RayWorker(Job("cpu", SoundRun(out, LOGMEL))), Link(server))
    assert server.is_finished
    assert kinds.index("phases") < kinds.index("ended")


def test_an_actor_that_is_told_to_stop_ends_in_order(planned, monkeypatch) -> None:
    out, server = planned
    told, plain = threading.Event(), sound_run.load_encoder
    monkeypatch.setattr(sound_run, "load_encoder", lambda options: told.wait(60) and plain(options))
    actor = RayWorker(Job("cpu", SoundRun(out, LOGMEL)))
    actor.stop()
    told.set()
    kinds = heard_out(actor, Link(server))
    assert "done" not in kinds
    assert not list(out.glob("leases/*"))


def test_an_actor_says_why_its_worker_ended(tmp_path) -> None:
    actor, said = RayWorker(Job("cpu", SoundRun(tmp_path / "c", LOGMEL))), []
    while ("ended",) not in said:
        said += actor.events()
    assert said[0][0] == "error"
    assert "has not been begun" in said[0][1]
    assert threading.active_count() < 50
