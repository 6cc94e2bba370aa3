"""Tables of text with a row a frame."""

from __future__ import annotations

import numpy as np
import pytest

from cache.imports.layouts.csv_rows import parts
from cache.imports.values import UnreadableError


def written(tmp_path, text: str, newline: str = "\n"):
    path = tmp_path / "a.csv"
    path.write_bytes(text.replace("\n", newline).encode())
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_table_a_clip_with_time_stamps(tmp_path, newline, bom) -> None:
    text = bom + "timestamp,segment_id,a,b\n0,1,1.5,2\n250,1,3,-4e-1\n\n500,2,5,6\n"
    (part,) = parts(written(tmp_path, text, newline))
    assert (part.key, part.values.shape) == (None, (3, 2))
    assert part.values.load().tolist() == [[1.5, 2], [3, -0.4], [5, 6]]
    assert part.values.times().tolist() == [0, 250, 500]


def test_a_column_of_ids_in_any_order(tmp_path, loaded) -> None:
    path = written(tmp_path, 'clip_id,a,b\n00042,1,2\n7,3,4\n00042,5,6\n"s1/a, b",7,8\n')
    found = loaded(list(parts(path)))
    assert {name: array.tolist() for name, array in found.items()} == {
        "00042": [[1, 2], [5, 6]],
        "7": [[3, 4]],
        "s1/a, b": [[7, 8]],
    }


def test_what_opensmile_writes(tmp_path) -> None:
    path = written(tmp_path, "name;frameTime;F0;Loud\n'unknown';0.0;1;2\n'unknown';0.01;3;4\n")
    (part,) = parts(path)
    assert (part.key, part.values.load().tolist()) == (None, [[1, 2], [3, 4]])
    assert part.values.times().tolist() == [0.0, 0.01]
    path = written(
        tmp_path,
        "file,start,end,F0\na.wav,0 days 00:00:00,0 days 00:00:00.02,1\na.wav,0 days 00:00:00.01,x,2\n",
    )
    (part,) = parts(path)
    assert (part.key, part.values.load().tolist()) == ("a.wav", [[1], [2]])
    assert part.values.times().tolist() == [0.0, 0.01]


def test_a_table_without_a_header(tmp_path) -> None:
    (part,) = parts(written(tmp_path, "1\t2\n3\t4\n"))
    assert (part.key, part.values.load().tolist(), part.values.times) == (None, [[1, 2], [3, 4]], None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,x\n", "no numbers"),
        ("a,b\n1,2\n3\n", "no numbers"),
        ("a,b\n1,\n", "no numbers"),
        ("time,a\nx,1\n", "time stamp"),
    ],
)
def test_cells_that_are_no_numbers(tmp_path, text, says) -> None:
    (part,) = parts(written(tmp_path, text))
    with pytest.raises(UnreadableError, match=says):
        (part.values.times or part.values.load)()


@pytest.mark.parametrize("data", [b"", b"\n", b"a,b\n\xff\xfe,1\n1,2\n", b"\x00\x01", b"clip_id,a\n"])
def test_what_is_no_table(tmp_path, data) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    if data.startswith((b"clip_id", b"a,b")):
        (part,) = parts(path)
        if b"\xff" not in data:
            assert part.values.load().shape == (0, 1)
            return
        with pytest.raises(UnreadableError, match="UTF-8"):
            part.values.load()
        return
    with pytest.raises(UnreadableError):
        list(parts(path))


def test_a_line_without_end_is_refused(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a" * (5 << 20))
    with pytest.raises(UnreadableError, match="a line of more than"):
        list(parts(path))


def test_not_a_number_stays_one(tmp_path) -> None:
    (part,) = parts(written(tmp_path, "a,b\n1,nan\n"))
    assert np.isnan(part.values.load()[0, 1])
