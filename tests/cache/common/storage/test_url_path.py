"""URLs stand where folders' paths do, and are refused where they hold what opens a door."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cache.common.errors import StorageError
from cache.common.storage.url_path import UrlPath, in_threads, is_url, place


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3://bucket/a/cache", "s3://bucket/a/cache"),
        (Path("s3://bucket/a/cache"), "s3://bucket/a/cache"),
        ("S3://bucket//a///cache/", "s3://bucket/a/cache"),
        ("https://host:8080/x", "https://host:8080/x"),
        ("gs://b", "gs://b"),
        ("memory://x/y", "memory://x/y"),
    ],
)
def test_a_url_is_a_place(given, said) -> None:
    path = place(given)
    assert is_url(given)
    assert (str(path), type(path)) == (said, UrlPath)
    assert place(Path(str(path))) == path == path.resolve() == path.absolute()
    inside = path / "shards" / "x.json"
    assert str(inside) == f"{said}/shards/x.json"
    assert (inside.name, inside.stem, inside.suffix, str(inside.parent)) == (
        "x.json",
        "x",
        ".json",
        f"{said}/shards",
    )
    assert str(inside.with_suffix(".h5")) == f"{said}/shards/x.h5"
    assert inside.parents[1] == path
    assert isinstance(inside.with_suffix(".h5"), UrlPath)


@pytest.mark.parametrize(
    "given",
    [
        "s3://me:zecret@box/c",
        "https://host/c?X-Amz-Signature=zecret",
        "az://container/c?sig=zecret",
        "s3://bucket/../zecret",
        "s3://bucket/a\nzecret",
        "ftp://host/c?zecret",
        "http://me:zecret@host/c#zecret",
    ],
)
def test_what_has_no_place_in_a_url_is_refused_and_not_repeated(given) -> None:
    with pytest.raises(StorageError) as raised:
        place(given)
    assert "zecret" not in str(raised.value) or "bucket/" in given


def test_other_paths_stay_what_they_are(tmp_path) -> None:
    for given in (tmp_path, "some/folder", "C:/x", Path("s3/bucket")):
        assert place(given) == Path(given)
        assert not is_url(given)


def test_a_url_is_never_opened_as_a_file() -> None:
    with pytest.raises(StorageError, match="s3://bucket/x: a folder of this machine is needed here"):
        os.stat(place("s3://bucket/x"))
    assert not os.path.lexists("s3:")


def test_a_place_goes_to_another_process(python) -> None:
    script = """
from multiprocessing import get_context
from cache.common.storage.url_path import place
def shown(path): return f"{path} {type(path).__name__}"
if __name__ == "__main__":
    with get_context("spawn").Pool(1) as pool:
        print(pool.apply(str, [place("s3://b/c") / "d"]))
"""
    assert python("-c", script).stdout == "s3://b/c/d\n"


def test_requests_run_at_once_and_the_first_error_is_raised() -> None:
    assert in_threads(lambda each: each + 1, range(100)) == list(range(1, 101))
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda each: 1 // each, [1, 0])


def test_naming_places_loads_no_library() -> None:
    script = """
import sys
from cache.common.storage.url_path import place
print(place("s3://b/c"), "obstore" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "s3://b/c False\n"
