"""The stack that a pickle is read with."""

from __future__ import annotations

import pytest

from cache.imports.pickles.machine import MARK, Machine
from cache.imports.pickles.parts import ArrayShell
from cache.imports.values import UnreadableError, of_array


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "p"
    path.write_bytes(b"\x01\x02line\nrest")
    with path.open("rb") as file:
        yield Machine(path, file, 0, 8)


def test_it_reads_to_the_end_of_its_part_and_no_further(machine) -> None:
    assert (machine.number("<H"), machine.line(), machine.at) == (0x0201, b"line", 7)
    assert machine.take(1) == b"r"
    for size in (1, -1):
        with pytest.raises(UnreadableError, match="cut short"):
            machine.take(size)
    with pytest.raises(UnreadableError, match="cut short"):
        machine.line()


def test_what_stands_above_a_mark(machine) -> None:
    for value in (1, MARK, 2, 3):
        machine.push(value)
    assert machine.since_mark() == [2, 3]
    assert machine.pop() == 1
    for take in (machine.pop, machine.since_mark):
        with pytest.raises(UnreadableError):
            take()


def test_an_array_is_what_it_has_become(machine) -> None:
    values = of_array(__import__("numpy").zeros(2))
    machine.push(ArrayShell(values))
    assert machine.pop() is values


def test_files_inside_files_are_refused_unless_somebody_reads_them(machine) -> None:
    with pytest.raises(UnreadableError, match="persistent id"):
        machine.persist("x")
    with pytest.raises(UnreadableError, match="inside a torch file"):
        machine.inner(None)
