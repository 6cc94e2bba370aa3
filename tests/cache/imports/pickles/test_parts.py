"""What pickles of arrays are made of."""

from __future__ import annotations

import numpy as np
import pytest

from cache.imports.pickles.parts import Bytes, DType, Storage, array_of, number_of, plain_bytes, tensor_of
from cache.imports.values import UnreadableError


def test_bytes_written_as_text_are_one_byte_a_character(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes("ÿa".encode())
    assert Bytes(path, 0, 3, is_text=True).read() == b"\xffa"
    assert plain_bytes("ÿa") == b"\xffa"
    for wrong in ("€", 1, None):
        with pytest.raises(UnreadableError):
            plain_bytes(wrong)


def test_a_dtype_is_one_of_numbers() -> None:
    assert DType("f4", ">").numpy() == np.dtype(">f4")
    assert DType("f2").numpy() == np.dtype("f2")
    for code in ("O8", "U4", "V8", "c8", "f16", "M8", ""):
        with pytest.raises(UnreadableError):
            DType(code).numpy()


def test_an_array_needs_exactly_its_bytes() -> None:
    assert array_of(b"\0" * 8, (2,), DType("f4"), False).load().tolist() == [0, 0]
    assert number_of(DType("i1"), b"\x05") == 5
    for shape in ((3,), (-1,), "no", (2.0,), (1 << 70,)):
        with pytest.raises(UnreadableError):
            array_of(b"\0" * 8, shape, DType("f4"), False)
    with pytest.raises(UnreadableError):
        array_of(b"", (0,), "f4", False)


def storage(tmp_path, count: int = 6) -> Storage:
    path = tmp_path / "s"
    path.write_bytes(np.arange(6, dtype="<f4").tobytes())
    return Storage(path, "<f4", count, lambda: (0, 24))


def test_a_tensor_is_a_view_of_its_storage(tmp_path) -> None:
    assert tensor_of(storage(tmp_path), 1, (2, 2), (2, 1)).load().tolist() == [[1, 2], [3, 4]]
    assert tensor_of(storage(tmp_path), 0, (2, 3), (0, 1)).load().tolist() == [[0, 1, 2]] * 2
    assert tensor_of(storage(tmp_path), 0, (0, 3), (3, 1)).load().shape == (0, 3)
    assert tensor_of(storage(tmp_path), 2, (), ()).load() == 2


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (5, (2,), (1,)),
        (0, (2,), (6,)),
        (-1, (1,), (1,)),
        (0, (1 << 40,), (0,)),
        (0, (2,), (1, 1)),
    ],
)
def test_a_tensor_never_reaches_outside_its_storage(tmp_path, offset, size, stride) -> None:
    with pytest.raises(UnreadableError):
        tensor_of(storage(tmp_path), offset, size, stride)


def test_a_storage_never_reaches_outside_its_file(tmp_path) -> None:
    with pytest.raises(UnreadableError):
        tensor_of(storage(tmp_path, count=60), 0, (60,), (1,)).load()
