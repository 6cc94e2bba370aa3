"""The caches that a command line names: one, streams, and names that are no names."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.errors import ConfigError
from train.streams.arguments import (
    cache_name,
    cache_words,
    named_caches,
    parse_cache,
    parse_caches,
    places_in,
)


def test_one_cache_needs_no_name_and_several_do():
    assert parse_caches(["data/cache"]) == Path("data/cache")
    assert parse_caches(["b=data/b", "a=data/a"]) == {"b": Path("data/b"), "a": Path("data/a")}
    assert parse_caches(["audio=x"]) == {"audio": Path("x")}
    assert named_caches(["x", "y"]) == [Path("x"), Path("y")]


def test_a_path_with_an_equals_sign_is_reached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_cache("lr=3") == ("lr", Path("3"))
    (tmp_path / "lr=3").mkdir()
    assert parse_cache("lr=3") == (None, Path("lr=3"))
    assert parse_cache("./lr=4") == (None, Path("./lr=4"))
    assert parse_cache("lr=./3") == ("lr", Path("./3"))
    assert parse_cache("runs/lr=3/cache") == (None, Path("runs/lr=3/cache"))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a=x", "a=y"], "a: two streams have this name (x, y)"),
        (["x", "y"], "found 2 caches without a name (x, y)"),
        (["a=x", "y"], "y: has no name"),
        (["a="], "a=: names no cache"),
        (
            ["é=x", "a=y"],
            "é=x: has no name, and other caches have one; a name is a letter, then letters, digits",
        ),
        (["__proto__=x", "a=NAME=CACHE"], "a name is a letter"),
        (["d/é=x", "a=y"], "d/é=x: has no name, and other caches have one; name each stream"),
    ],
)
def test_caches_that_cannot_be_told_apart_are_refused(texts, said):
    with pytest.raises(ConfigError) as caught:
        parse_caches(texts)
    assert said in str(caught.value)
    assert any(way in str(caught.value) for way in ("NAME=CACHE", "its own", "a name is"))


def test_what_files_say_of_caches_is_read_back():
    streams = {"audio": Path("/d/logmel"), "text": Path("/d/my words")}
    text = " ".join(cache_words(streams))
    assert places_in(text) == streams
    assert places_in({"text": "/d/my words", "audio": "/d/logmel"}) == streams
    assert places_in("/d/my cache") == Path("/d/my cache")
    assert cache_name(text) == "audio=logmel text=my words"
    assert cache_name("/d/my cache") == "my cache"
