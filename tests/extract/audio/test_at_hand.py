"""Files behind URLs are fetched for a while, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cache.commit.processes import host_name
from cache.common.storage.protocol import DeniedError, RemoteError
from cache.common.storage.remote import RemoteStorage
from extract.audio import at_hand as module
from extract.audio.at_hand import at_hand
from extract.audio.decode import decode, decode_file
from extract.audio.headers import read_header
from extract.errors import ClipError
from extract.sources.clips import SourceClip


@pytest.fixture
def sounds(bucket, tmp_path, voice, write_media):
    """Local files, and the same behind a URL."""
    found = {}
    for number, suffix in enumerate((".wav", ".mp3", ".mp4")):
        path = write_media(tmp_path / f"{number}{suffix}", voice(0.5, seed=number))
        bucket.storage.put_if_absent(path.name, path.read_bytes())
        found[path] = bucket / path.name
    return found


def test_what_is_decoded_is_what_a_local_file_gives(sounds) -> None:
    for path, url in sounds.items():
        here, there = (decode(SourceClip("a", each, "a"), 12.0) for each in (path, url))
        np.testing.assert_array_equal(here.samples, there.samples)
        assert (here.sha256, here.source_bytes) == (there.sha256, there.source_bytes)
        assert read_header(path) == read_header(url)


def test_a_file_is_fetched_once_and_makes_room(sounds, monkeypatch) -> None:
    asked = []
    read_range = RemoteStorage.read_range
    monkeypatch.setattr(RemoteStorage, "read_range", lambda *a: asked.append(a[1]) or read_range(*a))
    urls = list(sounds.values())

    def read(url) -> bytes:
        with at_hand(url) as file:
            assert file.suffix == url.suffix
            return file.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read, urls * 4))) == 3
    assert sorted(asked) == sorted(url.name for url in urls)
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    with at_hand(urls[0]) as file:
        pass
    assert not file.exists()
    assert read(urls[0]) == next(iter(sounds)).read_bytes()


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (FileNotFoundError(2, "No such object"), "not_found", "no such object"),
        (DeniedError("s3://b/a", "access denied", "check"), "unreadable", "access to the object is denied"),
        (RemoteError("s3://b/a", "cut short", "check"), "unreadable", "could not be fetched: cut short"),
    ],
)
def test_what_cannot_be_fetched_is_a_listed_failure(sounds, monkeypatch, error, reason, said) -> None:
    def fail(*_):
        raise error

    monkeypatch.setattr(RemoteStorage, "read_range", fail)
    monkeypatch.setattr(module, "_all", [])
    url = next(iter(sounds.values()))
    found = decode_file([SourceClip("a", url, "a"), SourceClip("b", url, "b")], 12.0)
    assert {clip_id: (each.reason, str(each)) for clip_id, each in found.items()} == {
        "a": (reason, said),
        "b": (reason, said),
    }


def test_a_missing_key_and_an_object_that_shrinks_are_failures(sounds, bucket, monkeypatch) -> None:
    with pytest.raises(ClipError, match="no such object"), at_hand(bucket / "none.wav"):
        pass
    monkeypatch.setattr(RemoteStorage, "read_range", lambda *_: b"short")
    monkeypatch.setattr(module, "_all", [])
    with pytest.raises(ClipError, match="changed while it was fetched"), at_hand(next(iter(sounds.values()))):
        pass


def test_what_a_killed_process_left_is_removed(sounds, monkeypatch) -> None:
    left = Path(tempfile.mkdtemp(prefix=f"{module.KIND}-{host_name()}.{2**22 + 11}."))
    mine = Path(tempfile.mkdtemp(prefix=f"{module.KIND}-{host_name()}.{os.getpid()}."))
    monkeypatch.setattr(module, "_all", [])
    with at_hand(next(iter(sounds.values()))):
        pass
    assert not left.exists()
    assert mine.exists()
    mine.rmdir()


def test_a_local_file_is_at_hand_as_it_is(tmp_path) -> None:
    with at_hand(tmp_path / "a.wav") as file:
        assert file == tmp_path / "a.wav"
