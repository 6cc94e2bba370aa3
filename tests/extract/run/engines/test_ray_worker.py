"""The actor of a Ray cluster, without Ray: calls that come at once, and one that waits for words."""

from __future__ import annotations

import time

from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.engines import ray_worker
from extract.run.engines.job import Job
from extract.run.engines.ray_worker import RayWorker
from extract.run.sound_run import SoundRun


def test_a_call_without_words_comes_back_empty_after_a_while(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ray_worker, "LISTEN_SECONDS", 0.05)
    monkeypatch.setattr(ray_worker, "work", lambda _job, link, _stop: link.receive())
    actor = RayWorker(Job("cpu", SoundRun(tmp_path, ExtractOptions(EncoderOptions("logmel")))))
    begun = time.monotonic()
    assert actor.events() == []
    assert time.monotonic() - begun < 5
    actor.tell((None, True))
    assert actor.events() == [("ended",)]


def test_words_come_together_and_in_their_order(tmp_path, monkeypatch) -> None:
    def work(_job, link, stop) -> None:
        while not stop.requested:
            time.sleep(0.001)
        for number in range(3):
            link.send(("add", number))

    monkeypatch.setattr(ray_worker, "work", work)
    actor = RayWorker(Job("cpu", SoundRun(tmp_path, ExtractOptions(EncoderOptions("logmel")))))
    actor.stop()
    said = []
    while ("ended",) not in said:
        said += actor.events()
    assert said == [("add", 0), ("add", 1), ("add", 2), ("ended",)]
