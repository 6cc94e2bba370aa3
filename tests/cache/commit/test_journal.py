"""Journals say what other writers have recorded, and when they cannot say it."""

from __future__ import annotations

import os
import shutil

import pytest

from cache.commit.journal import Journal, remove_dead
from cache.commit.processes import host_name
from cache.common import gate
from cache.common.errors import StorageError


@pytest.fixture
def cache(tmp_path):
    return tmp_path


def settled(*journals: Journal) -> None:
    """Have all of them seen each other."""
    for _ in range(2):
        for journal in journals:
            journal.news()


def test_what_one_announces_the_others_hear_once_and_it_does_not(cache) -> None:
    one, two, three = (Journal(cache) for _ in range(3))
    settled(one, two, three)
    one.announce("a-0")
    one.announce("b-0")
    for other in (two, three):
        assert other.news() == (["a-0", "b-0"], True)
        assert other.news() == ([], True)
    assert one.news() == ([], True)


def test_the_first_look_and_every_comer_ask_for_a_look_at_the_records(cache) -> None:
    one = Journal(cache)
    assert one.news() == ([], False)
    assert one.news() == ([], True)
    two = Journal(cache)
    two.announce("a-0")
    assert one.news() == (["a-0"], False)
    assert one.news() == ([], True)
    assert two.news() == ([], False)


def test_a_flipped_bit_in_a_journal_is_no_other_shard(cache) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    two.announce("a-0")
    [theirs] = [path for path in (cache / "writers").iterdir() if path != one._own()]
    line = theirs.read_bytes()
    for bit in range(8 * len(line)):
        data = bytearray(line)
        data[bit // 8] ^= 1 << bit % 8
        theirs.write_bytes(data)
        one._ends[theirs.name] = 0
        announced, is_all = one.news()
        assert announced in ([], ["a-0"])
        assert announced == ["a-0"] or not is_all or one._ends[theirs.name] < len(line)


def test_a_line_that_is_still_being_written_waits_and_text_that_is_no_name_is_left_out(cache) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    [theirs] = [path for path in (cache / "writers").iterdir() if path != one._own()]
    with theirs.open("ab") as file:
        file.write(b"../../etc/passwd\n\xff\xff\na-0\nb-")
    assert one.news() == (["a-0"], False), "what the damaged lines said, the records tell"
    with theirs.open("ab") as file:
        file.write(b"0\n")
    assert one.news() == (["b-0"], True)


def test_no_writer_comes_and_goes_unseen(cache) -> None:
    """A second one came, recorded, died, and was tidied away by a third between two looks of the first."""
    one = Journal(cache)
    settled(one)
    gone = cache / "writers" / f"{host_name()}.{2**22 + 1}.0.journal"
    gone.write_text("a-0\n")
    third = Journal(cache)
    assert third.news() == ([], False)
    assert not gone.exists()
    assert one.news().is_all is False


def test_a_writer_whose_journal_was_removed_begins_another_that_is_noticed(cache) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    two._own().unlink()
    two.announce("a-0")
    assert one.news() == (["a-0"], False)
    assert two.news().is_all is False


def test_a_fork_has_a_journal_of_its_own(cache) -> None:
    one = Journal(cache)
    settled(one)
    child = os.fork()
    if not child:
        one.announce("child-0")
        os._exit(0)
    os.waitpid(child, 0)
    assert one.news() == (["child-0"], False)


def test_a_writer_alone_leaves_nothing_and_one_with_company_leaves_what_others_may_read(cache) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    two.announce("a-0")
    del two
    assert one.news() == (["a-0"], True)
    assert len(list((cache / "writers").iterdir())) == 2
    (cache / "writers").rename(cache / "elsewhere")
    alone = Journal(cache)
    settled(alone)
    del alone
    assert not (cache / "writers").exists()


def test_old_journals_of_other_machines_are_removed_new_ones_stay(cache) -> None:
    folder = cache / "writers"
    folder.mkdir()
    for name, age in (("old", 2e5), ("new", 60)):
        path = folder / f"elsewhere.1.{name}.journal"
        path.touch()
        stamp = path.stat().st_mtime - age
        os.utime(path, (stamp, stamp))
    Journal(cache).news()
    assert [path.name for path in folder.glob("elsewhere*")] == ["elsewhere.1.new.journal"]


def test_a_journal_that_cannot_be_read_asks_for_a_look_at_the_records_every_time(cache, monkeypatch) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    theirs = two._own()
    two.announce("a-0")
    real = gate.open_file

    def refused(root, path, limit=None):
        if path == theirs:
            raise PermissionError(13, "Permission denied")
        return real(root, path, limit)

    with monkeypatch.context() as patched:
        patched.setattr(gate, "open_file", refused)
        assert [one.news() for _ in range(3)] == [([], False)] * 3
    assert one.news() == (["a-0"], False)
    assert one.news() == ([], True)


def test_an_announcement_that_was_cut_off_is_an_error_and_spoils_no_other(cache, monkeypatch) -> None:
    one, two = Journal(cache), Journal(cache)
    settled(one, two)
    with monkeypatch.context() as patched:
        write = os.write
        patched.setattr(os, "write", lambda file, data: write(file, data[:5]))
        with pytest.raises(StorageError, match="No space left"):
            two.announce("abcdefgh-0")
    two.announce("b-0")
    assert "b-0" in one.news().announced


def test_only_when_all_writers_are_dead_their_journals_go(cache) -> None:
    folder = cache / "writers"
    folder.mkdir()
    (folder / f"{host_name()}.999999999.dead.journal").touch()
    living = Journal(cache)
    living.news()
    (folder / f"{host_name()}.999999998.dead.journal").touch()
    remove_dead(cache)
    assert len(list(folder.iterdir())) == 2
    del living  # the last one alive takes those of the dead with it
    assert not folder.exists()
    folder.mkdir()
    (folder / f"{host_name()}.999999998.dead.journal").touch()
    remove_dead(cache)
    assert not folder.exists()


def test_a_folder_of_journals_that_was_removed_is_made_again(cache) -> None:
    one = Journal(cache)
    settled(one)
    shutil.rmtree(cache / "writers")
    assert one.news() == ([], False)
    one.announce("a-0")
    assert len(list((cache / "writers").iterdir())) == 1


def test_without_its_cache_a_journal_is_one_clear_line(tmp_path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Journal(tmp_path / "gone").announce("a-0")
