"""What each opcode of a pickle does: values and descriptions of arrays are made, and nothing is called."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from cache.imports.pickles.machine import INLINE, MARK, Machine
from cache.imports.pickles.parts import DAMAGED
from cache.imports.pickles.symbols import ONLY, Nested, build, call, symbol
from cache.imports.values import UnreadableError

MAX_OPERATIONS = 10_000_000  # of one pickle: 250,000 clips of arrays


class Pickle(NamedTuple):
    """A pickle's value, and the byte after its end."""

    value: Any
    end: int


def run(machine: Machine) -> Pickle:
    """Read one pickle.

    Raises:
        UnreadableError: it is cut short, damaged, or holds something else than arrays and plain containers.
    """
    for _ in range(MAX_OPERATIONS):
        code = machine.take(1)
        if code == b".":
            return Pickle(machine.pop(), machine.at)
        operation = OPERATIONS.get(code)
        if operation is None:
            known = FOREIGN.get(code)
            raise UnreadableError(
                f"refused: {known}; {ONLY}" if known else f"{DAMAGED} (byte {machine.at - 1})"
            )
        try:
            operation(machine)
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            if isinstance(error, UnreadableError):
                raise
            raise UnreadableError(f"{DAMAGED} (byte {machine.at - 1})") from None
    raise UnreadableError(f"more than {MAX_OPERATIONS} parts; save fewer clips to a file")


def _append(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if not isinstance(target, list):
        raise UnreadableError(DAMAGED)
    target.extend(items)


def _set(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if not isinstance(target, dict) or len(items) % 2:
        raise UnreadableError(DAMAGED)
    target.update(_pairs(items))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _tuple(machine: Machine, size: int) -> None:
    items = [machine.pop() for _ in range(size)]
    machine.push(tuple(items[::-1]))


def _global(machine: Machine) -> None:
    module, name = machine.line().decode(), machine.line().decode()
    machine.push(symbol(module, name))


def _stack_global(machine: Machine) -> None:
    name = machine.pop()
    machine.push(symbol(machine.pop(), name))


def _reduce(machine: Machine) -> None:
    arguments = machine.pop()
    made = call(machine.pop(), arguments)
    machine.push(machine.inner(made) if isinstance(made, Nested) else made)


def _build(machine: Machine) -> None:
    state = machine.pop()
    build(machine.top(), state)


def _int_line(machine: Machine) -> None:
    text = machine.line()
    machine.push({b"00": False, b"01": True}.get(text) if text in (b"00", b"01") else int(text))


def _quoted(machine: Machine) -> None:
    text = machine.line()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"'\"":
        raise UnreadableError(DAMAGED)
    machine.push(text[1:-1].decode("unicode_escape"))


def _old_string(machine: Machine, size: int) -> None:
    held = machine.string(size, False)
    machine.push(held.read().decode("latin-1") if size <= INLINE else held)


OPERATIONS: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": lambda m: m.number("<B"),
    b"\x95": lambda m: m.number("<Q"),
    b"(": lambda m: m.push(MARK),
    b"0": lambda m: m.pop(),
    b"1": lambda m: m.since_mark(),
    b"2": lambda m: m.push(m.top()),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": _int_line,
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"L": lambda m: m.push(int(m.line().rstrip(b"L"))),
    b"\x8a": lambda m: m.push(m.integer(m.number("<B"))),
    b"\x8b": lambda m: m.push(m.integer(m.number("<I"))),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(m.number(">d")),
    b"S": _quoted,
    b"T": lambda m: _old_string(m, m.number("<I")),
    b"U": lambda m: _old_string(m, m.number("<B")),
    b"V": lambda m: m.push(m.line().decode("raw_unicode_escape")),
    b"X": lambda m: m.push(m.string(m.number("<I"), True)),
    b"\x8c": lambda m: m.push(m.string(m.number("<B"), True)),
    b"\x8d": lambda m: m.push(m.string(m.number("<Q"), True)),
    b"B": lambda m: m.push(m.string(m.number("<I"), False)),
    b"C": lambda m: m.push(m.string(m.number("<B"), False)),
    b"\x8e": lambda m: m.push(m.string(m.number("<Q"), False)),
    b"\x96": lambda m: m.push(m.string(m.number("<Q"), False)),
    b"]": lambda m: m.push([]),
    b"a": lambda m: _append(m, [m.pop()]),
    b"e": lambda m: _append(m, m.since_mark()),
    b"l": lambda m: m.push(m.since_mark()),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.since_mark())),
    b"\x85": lambda m: _tuple(m, 1),
    b"\x86": lambda m: _tuple(m, 2),
    b"\x87": lambda m: _tuple(m, 3),
    b"}": lambda m: m.push({}),
    b"d": lambda m: m.push(_pairs(m.since_mark())),
    b"s": lambda m: _set(m, [m.pop(), m.pop()][::-1]),
    b"u": lambda m: _set(m, m.since_mark()),
    b"g": lambda m: m.recall(int(m.line())),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
    b"p": lambda m: m.remember(int(m.line())),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(m.next_number()),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"b": _build,
    b"P": lambda m: m.persist(m.line().decode()),
    b"Q": lambda m: m.persist(m.pop()),
}
FOREIGN = {  # opcodes that make objects of any class, or reach outside the file
    b"i": "an instance of a class",
    b"o": "an instance of a class",
    b"\x81": "an instance of a class",
    b"\x92": "an instance of a class",
    b"\x82": "a registered extension",
    b"\x83": "a registered extension",
    b"\x84": "a registered extension",
    b"\x8f": "a set",
    b"\x90": "a set",
    b"\x91": "a set",
    b"\x97": "a buffer outside the file",
    b"\x98": "a buffer outside the file",
}
