"""A reader of pickles that runs nothing: it follows the opcodes and describes arrays instead of making objects.

Python's own unpickler calls what a file names. This one calls nothing: of the globals that a pickle names it knows
those of arrays (``pickle_symbols``), by name, and refuses the rest. Large byte strings stay in the file, so a pickle
of 5 GB takes as much memory as its index.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cache.imports.pickle_parts import DAMAGED, ArrayShell, Bytes
from cache.imports.pickle_symbols import ONLY, Nested, build, call, symbol
from cache.imports.values import UnreadableError

INLINE = 4096  # bytes; longer text stays in the file
MAX_OPERATIONS = 10_000_000  # of one pickle: 250,000 clips of arrays
MAX_LINE = 1 << 20  # bytes, of the opcodes of protocol 0
MAX_INTEGER = 256  # bytes
CUT = "cut short"
MARK = object()

Persistent = Callable[[Any], Any]


class Pickle(NamedTuple):
    """A pickle's value, and the byte after its end."""

    value: Any
    end: int


class Machine:
    """Reads one pickle from a part of a file.

    Args:
        path: of the file.
        file: open, at any place.
        begin: first byte of the pickle.
        end: byte after the last that may belong to it.
        persistent: makes something of a persistent id, as torch files have them; None refuses them.
        nested: reads a torch file inside the pickle; None refuses it.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        begin: int,
        end: int,
        persistent: Persistent | None = None,
        nested: Persistent | None = None,
    ) -> None:
        self._path, self._file, self._at, self._end = path, file, begin, end
        self._persistent, self._nested = persistent, nested
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Pickle:
        """Return the value.

        Raises:
            UnreadableError: it is cut short, damaged, or holds something else than arrays and plain containers.
        """
        self._file.seek(self._at)
        for _ in range(MAX_OPERATIONS):
            code = self._take(1)
            if code == b".":
                return Pickle(self._pop(), self._at)
            operation = OPERATIONS.get(code)
            if operation is None:
                raise UnreadableError(
                    f"refused: {FOREIGN[code]}; {ONLY}" if code in FOREIGN else f"{DAMAGED} (byte {self._at - 1})"
                )
            try:
                operation(self)
            except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
                if isinstance(error, UnreadableError):
                    raise
                raise UnreadableError(f"{DAMAGED} (byte {self._at - 1})") from None
        raise UnreadableError(f"more than {MAX_OPERATIONS} parts; save fewer clips to a file")

    # --- what the operations are made of

    def _take(self, size: int) -> bytes:
        if size < 0 or size > self._end - self._at:
            raise UnreadableError(CUT)
        data = self._file.read(size)
        if len(data) != size:
            raise UnreadableError(CUT)
        self._at += size
        return data

    def number(self, layout: str) -> Any:
        """Read a number, laid out as ``struct`` says."""
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def line(self) -> bytes:
        """Read a line of protocol 0."""
        data = self._file.readline(min(MAX_LINE, self._end - self._at))
        if not data.endswith(b"\n"):
            raise UnreadableError(CUT)
        self._at += len(data)
        return data[:-1]

    def string(self, size: int, is_text: bool) -> Any:
        """Read a string of ``size`` bytes; bytes and long text stay in the file."""
        if is_text and size <= INLINE:
            return self._take(size).decode("utf-8", "surrogatepass")
        if size > self._end - self._at:
            raise UnreadableError(CUT)
        held = Bytes(self._path, self._at, size)
        self._at += size
        self._file.seek(self._at)
        return held

    def integer(self, size: int) -> int:
        """Read a long integer of ``size`` bytes."""
        if size > MAX_INTEGER:
            raise UnreadableError(DAMAGED)
        return int.from_bytes(self._take(size), "little", signed=True)

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop() if self._stack else MARK
        if value is MARK:
            raise UnreadableError(DAMAGED)
        return value.values if isinstance(value, ArrayShell) and value.values is not None else value

    def pop(self) -> Any:
        """Take the last value from the stack, finished arrays as what they have become."""
        return self._pop()

    def top(self) -> Any:
        """Return the last value as it is."""
        return self._stack[-1]

    def since_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        items: list[Any] = []
        while self._stack and self._stack[-1] is not MARK:
            items.append(self._pop())
        if not self._stack:
            raise UnreadableError(DAMAGED)
        self._stack.pop()
        return items[::-1]

    def remember(self, number: int) -> None:
        """Note the last value under a number."""
        self._memo[number] = self._stack[-1]

    def next_number(self) -> int:
        """Return the number for the next value to note."""
        return len(self._memo)

    def recall(self, number: int) -> None:
        """Put a noted value on the stack again."""
        self.push(self._memo[number])

    def inner(self, held: Nested) -> Any:
        """Return what a torch file inside the pickle holds."""
        if self._nested is None:
            raise UnreadableError("damaged: a torch file inside a torch file")
        made = self._nested(held)
        self._file.seek(self._at)
        return made

    def persist(self, key: Any) -> None:
        """Put what a persistent id stands for on the stack."""
        if self._persistent is None:
            raise UnreadableError(f"refused: a persistent id; {ONLY}")
        self.push(self._persistent(key))


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
