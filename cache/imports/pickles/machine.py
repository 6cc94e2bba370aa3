"""The stack of a reader of pickles that runs nothing: ``opcodes`` says what each opcode does to it.

Python's own unpickler calls what a file names. This one calls nothing: of the globals that a pickle names it
knows those of arrays (``symbols``), by name, and refuses the rest. Bytes stay in the file, so a pickle of 5 GB
takes as much memory as its index.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from cache.imports.pickles.parts import DAMAGED, ArrayShell, Bytes
from cache.imports.pickles.symbols import ONLY, Nested
from cache.imports.values import UnreadableError

INLINE = 4096  # bytes; longer text stays in the file
MAX_LINE = 1 << 20  # bytes, of the opcodes of protocol 0
MAX_INTEGER = 256  # bytes
CUT = "cut short"
MARK = object()

Persistent = Callable[[Any], Any]


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
        self._file.seek(begin)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    @property
    def at(self) -> int:
        """The byte that is read next."""
        return self._at

    def take(self, size: int) -> bytes:
        """Read bytes; raises UnreadableError if there are not so many."""
        if size < 0 or size > self._end - self._at:
            raise UnreadableError(CUT)
        data = self._file.read(size)
        if len(data) != size:
            raise UnreadableError(CUT)
        self._at += size
        return data

    def number(self, layout: str) -> Any:
        """Read a number, laid out as ``struct`` says."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

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
            return self.take(size).decode("utf-8", "surrogatepass")
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
        return int.from_bytes(self.take(size), "little", signed=True)

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
