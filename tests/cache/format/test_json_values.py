"""Nothing is converted on the way in: a value of another type, a key too few or too many is refused."""

from __future__ import annotations

import pytest

from cache.format.json_values import all_text, all_whole, require_keys, text, whole


def test_values_of_the_expected_types_pass() -> None:
    assert (text("ä"), whole(-3)) == ("ä", -3)
    assert (all_text(["a", ""]), all_whole([1, 2])) == (("a", ""), (1, 2))


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (text, 1),
        (text, None),
        (whole, 1.0),
        (whole, True),
        (whole, "1"),
        (all_text, "ab"),
        (all_whole, [1, 2.5]),
    ],
)
def test_others_are_refused_and_shown(check, value) -> None:
    with pytest.raises(TypeError, match="in place of"):
        check(value)
    with pytest.raises(TypeError) as refused:
        text([9] * 10_000)
    assert len(str(refused.value)) < 100


def test_keys_are_exact_where_no_checksum_vouches_for_others() -> None:
    require_keys({"a": 1, "later": 2}, {"a"}, exactly=False)
    with pytest.raises(ValueError, match="an unknown key 'later'"):
        require_keys({"a": 1, "later": 2}, {"a"}, exactly=True)
    for row in ({}, {"b": 1}, []):
        with pytest.raises(ValueError, match=r"no key 'a'|in place of an object"):
            require_keys(row, {"a"}, exactly=False)
