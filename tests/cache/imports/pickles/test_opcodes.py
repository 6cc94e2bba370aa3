"""The opcodes of pickles, followed without running anything."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from cache.imports.pickles import opcodes
from cache.imports.pickles.machine import Machine
from cache.imports.pickles.opcodes import FOREIGN, OPERATIONS
from cache.imports.pickles.parts import Bytes
from cache.imports.values import UnreadableError


def run(path, data: bytes):
    path.write_bytes(data)
    with path.open("rb") as file:
        return opcodes.run(Machine(path, file, 0, len(data)))


PLAIN = [
    None,
    True,
    False,
    0,
    255,
    65535,
    -1,
    1 << 40,
    -(1 << 70),
    1.5,
    "",
    "ü",
    "x" * 300,
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_what_python_reads(tmp_path, protocol) -> None:
    shared = [1, 2]
    value = [*PLAIN, (1, 2, 3, 4), {"a": [1], "b": {}}, [], shared, shared, "it's \"\\ \n"]
    made = run(tmp_path / "p", pickle.dumps(value, protocol))
    assert made.value == value
    assert made.value[-2] is made.value[-3]
    assert made.end == (tmp_path / "p").stat().st_size


def test_bytes_and_long_text_stay_in_the_file(tmp_path) -> None:
    data, text = run(tmp_path / "p", pickle.dumps((b"x" * 10_000, "y" * 10_000), 4)).value
    assert isinstance(data, Bytes)
    assert isinstance(text, Bytes)
    assert (data.read(), text.read()) == (b"x" * 10_000, b"y" * 10_000)


def test_every_opcode_of_python_is_followed_or_refused_by_name() -> None:
    known = {code.encode("latin-1") for code in pickle.__dict__["_Unpickler"].dispatch and []} | {
        value
        for name, value in vars(pickle).items()
        if name.isupper() and isinstance(value, bytes) and len(value) == 1
    }
    assert len(known) >= 60
    assert known - OPERATIONS.keys() - FOREIGN.keys() == {pickle.STOP}
    assert not OPERATIONS.keys() & FOREIGN.keys()


@pytest.mark.parametrize("code", [b"\x81", b"\x92", b"o", b"i", b"\x82\x01", b"\x97"])
def test_what_makes_objects_or_reaches_outside_is_refused(tmp_path, code) -> None:
    with pytest.raises(UnreadableError, match="refused"):
        run(tmp_path / "p", b"\x80\x04)" + code + b".")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + b"\xff" * 8,  # a string of 2^64 bytes
        b"\x80\x04B\xff\xff\xff\x7f.",
        b"\x8b\xff\xff\xff\x7f.",  # an integer of 2 GB
        b"a.", b"(.", b"s.", b"R.", b"b.", b"0.", b"g1\n.", b"h\x01.", b"e.", b"}(K\x01u.", b"]}a", b"Ixx\n.",
        b"\xff", b"S'a\n.", b"I" + b"9" * 5000 + b"\n.", b"V" + b"x" * 100,
    ],
)  # fmt: skip
def test_nonsense_is_one_line_at_once(tmp_path, data) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableError, match=r"cut short|damaged"):
        run(tmp_path / "p", data)
    assert time.monotonic() - begun < 2


def test_a_pickle_of_too_many_parts_ends(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(opcodes, "MAX_OPERATIONS", 1000)
    with pytest.raises(UnreadableError, match="more than 1000 parts"):
        run(tmp_path / "p", pickle.dumps(list(range(2000))))


def test_numpy_is_not_needed_for_it(tmp_path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    made = run(tmp_path / "p", pickle.dumps(array, 5)).value
    assert (made.shape, made.load().tolist()) == ((2, 3), array.tolist())
