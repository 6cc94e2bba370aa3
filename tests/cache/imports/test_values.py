"""Arrays in files, read later."""

from __future__ import annotations

import numpy as np
import pytest

from cache.imports.values import UnreadableError, Values, in_file, of_array, read_span, require_numbers


@pytest.fixture
def file(tmp_path):
    array = np.arange(24, dtype="<f4").reshape(6, 4)
    path = tmp_path / "a.bin"
    path.write_bytes(b"head" + array.tobytes() + b"tail")
    return path, array


def test_an_array_in_a_file_is_read_whole_in_rows_and_one_row(file) -> None:
    path, array = file
    values = in_file(path, 4, (6, 4), array.dtype, 4 + 96)
    np.testing.assert_array_equal(values.load(), array)
    np.testing.assert_array_equal(values.rows(2, 4).load(), array[2:4])
    np.testing.assert_array_equal(values.rows(2, 4).rows(1, 9).load(), array[3:4])
    np.testing.assert_array_equal(values.row(5).load(), array[5])
    assert values.rows(4, 3).shape == (0, 4)
    assert values.num_bytes == 96


def test_rows_of_what_can_only_be_read_whole(file) -> None:
    _, array = file
    values = Values(array.shape, array.dtype, lambda: array)
    np.testing.assert_array_equal(values.rows(1, 3).load(), array[1:3])
    np.testing.assert_array_equal(of_array(array).rows(1, 3).load(), array[1:3])


@pytest.mark.parametrize("shape", [(7, 4), (1 << 40, 4), (-1, 4)])
def test_more_than_the_file_has_is_refused(file, shape) -> None:
    with pytest.raises(UnreadableError, match="cut short or damaged"):
        in_file(file[0], 4, shape, np.dtype("<f4"), 100)


def test_a_file_that_shrinks_is_refused_when_it_is_read(file) -> None:
    path, array = file
    values = in_file(path, 4, (6, 4), array.dtype, 100)
    path.write_bytes(b"head")
    with pytest.raises(UnreadableError, match="became shorter"):
        values.load()
    assert len(read_span(path, 0, 4)) == 4


@pytest.mark.parametrize(
    ("dtype", "says"), [("O", "object array"), ("c8", "real numbers"), ("S4", "real numbers")]
)
def test_only_real_numbers_are_features(dtype, says) -> None:
    with pytest.raises(UnreadableError, match=says):
        require_numbers(np.dtype(dtype))
