"""JSON from outside: its bounds, and what it says of text that is none."""

import os

import pytest

from cache.common.foreign_json import ForeignJsonError, parse_json, read_json_file


def test_values_are_those_of_json() -> None:
    assert parse_json(b'{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}
    assert parse_json("[1]", list) == [1]
    assert parse_json("7", object) == 7
    assert parse_json('{"id": 0042.0}'.replace("00", ""), parse_number=str) == {"id": "42.0"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 100_000, "nested more than 32 deep"),
        (b"[" * 900 + b"]" * 900, "nested more than 32 deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested more than 32 deep"),
        (b"\xff{}", "no valid JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1e999}', "1e999 is no JSON number"),
        (b'{"a": 1' + b"0" * 400 + b".5}", "is no JSON number"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"a": [' + b"{}," * 2_000_000 + b"1]}", "would take about"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "no valid JSON"),
        (b"[]", "expected an object, found a list"),
        (b"null", "expected an object, found null"),
        (b"3", "expected an object, found a number"),
    ],
)
def test_anything_else_is_one_short_reason(text, reason) -> None:
    with pytest.raises(ForeignJsonError, match=reason) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 200


def test_files_are_regular_and_of_bounded_size(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_json_file(path) == {"a": 1}
    (tmp_path / "link.json").symlink_to(path)
    os.mkfifo(tmp_path / "pipe.json")
    for name, limit in (("link.json", 100), ("pipe.json", 100), ("a.json", 4)):
        with pytest.raises(OSError, match=r".+"):
            read_json_file(tmp_path / name, limit=limit)


def test_half_a_surrogate_pair_is_taken_where_it_stands_for_a_byte() -> None:
    assert parse_json(r'{"a": "\udcff", "b": "\ud83d\ude00"}', surrogates=True) == {"a": "\udcff", "b": "😀"}
    assert parse_json(r'{"b": "\ud83d\ude00"}') == {"b": "😀"}
    assert parse_json('{"a": 1e300, "b": "1e999", "c": 0.%s}' % ("1" * 400))["b"] == "1e999"
