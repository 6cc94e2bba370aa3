"""Journals behind a URL: whoever reads them knows of every record, and asks for no list of all names."""

from __future__ import annotations

import os
import uuid

import pytest

from cache import CacheWriter
from cache.commit import committed, remote_journal
from cache.commit.journal import News
from cache.commit.processes import host_name
from cache.commit.remote_journal import RemoteJournal
from cache.common.storage.url_path import place

ONE, TWO, THREE = (f"{number:016x}-0" for number in range(3))


@pytest.fixture
def cache():
    return place(f"memory://{uuid.uuid4().hex}/c")


def journals(cache) -> list[str]:
    return list((cache / "writers").storage.names(""))


def test_what_one_announces_the_others_read_once(cache) -> None:
    first, second = RemoteJournal(cache), RemoteJournal(cache)
    assert first.news() == News([], False), "the records were never looked at"
    assert second.news() == News([], False)
    assert first.news() == News([], False), "a writer has come"
    assert first.news() == News([], True)
    second.announce(ONE)
    second.announce(TWO)
    assert first.news() == News([ONE, TWO], True)
    assert first.news() == News([], True)
    second.announce(THREE)
    first.announce(ONE)
    assert first.news() == News([THREE], True)
    assert second.news() == News([ONE], True)


def test_a_journal_that_is_full_is_followed_by_another(cache, monkeypatch) -> None:
    monkeypatch.setattr(remote_journal, "LINES", 3)
    first, second = RemoteJournal(cache), RemoteJournal(cache)
    first.news(), second.news(), first.news()
    for number in range(5):
        second.announce(f"{number:016x}-0")
    assert len(journals(cache)) == 4
    assert not first.news().is_all, "a journal has come: the records tell"
    assert first.news() == News([], True)


def test_a_writer_that_came_and_went_does_not_go_unseen(cache, monkeypatch) -> None:
    first = RemoteJournal(cache)
    first.news(), first.news()
    monkeypatch.setattr(remote_journal, "host_name", lambda: "elsewhere")
    gone = RemoteJournal(cache)
    gone.announce(ONE)
    monkeypatch.undo()
    monkeypatch.setattr(remote_journal, "_is_dead", lambda entry: entry.name.startswith("elsewhere."))
    RemoteJournal(cache).news()  # removes the dead one, and shows itself first
    assert not any(name.startswith("elsewhere.") for name in journals(cache))
    assert not first.news().is_all


def test_damaged_and_foreign_objects_make_nobody_blind(cache) -> None:
    first = RemoteJournal(cache)
    first.news()
    storage = (cache / "writers").storage
    storage.put_if_absent("a.b.c.journal", b"\n")
    storage.put_if_absent(".hidden.journal", b"x")
    first.news()
    assert first.news().is_all
    storage.replace_if_match("a.b.c.journal", None, b"\n../../x  00000000\n")
    assert first.news() == News([], False)
    storage.replace_if_match("a.b.c.journal", None, b"\n")
    assert not first.news().is_all, "it is another one"
    storage.replace_if_match("a.b.c.journal", None, bytes(remote_journal.MAX_BYTES + 1))
    assert not first.news().is_all


def test_the_next_writer_takes_away_what_the_dead_left_and_nothing_of_the_living(cache) -> None:
    dead = f"{host_name()}.{2**22 + 9}.x.journal"
    first, second = RemoteJournal(cache), RemoteJournal(cache)
    first.news(), second.news()
    (cache / "writers").storage.put_if_absent(dead, b"\n")
    (cache / "writers").storage.put_if_absent("elsewhere.7.x.journal", b"\n")
    del second
    RemoteJournal(cache).news()
    left = journals(cache)
    assert len(left) == 3
    assert dead not in left
    assert "elsewhere.7.x.journal" in left, "nobody here knows"


def test_commits_ask_as_often_in_a_large_cache(
    s3_server, bench, bucket, recipe, fields, make_clip, monkeypatch
) -> None:
    monkeypatch.setattr(committed, "LIST_SECONDS", 1000.0)  # of the clock, which is not what this is about
    stores, counts = bench("object_stores"), []
    proxy = stores.Proxy(s3_server.port)
    with stores.lead_to(proxy.port):
        for shards in (1, 8):
            writer = CacheWriter.open(bucket / f"{shards}", recipe, fields)
            for number in range(shards):
                writer.commit([make_clip(f"{number}")])
            before = proxy.requests
            writer.commit([make_clip("one more")])
            counts.append(proxy.requests - before)
    proxy.close()
    assert counts[0] == counts[1] <= 25


def test_a_fork_has_its_own(cache) -> None:
    journal = RemoteJournal(cache)
    journal.news()
    journal._pid = os.getpid() + 1  # as if this were its fork
    journal.news()
    assert len(journals(cache)) == 2
