"""Files are whole or absent."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cache.common import durable
from cache.common.durable import check_writable, publish_file, write_once
from cache.common.errors import (
    StorageError,
)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root to become nobody")
def test_no_permission_is_one_clear_line(tmp_path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o005)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        try:
            os.setgid(65534)
            os.setuid(65534)
            check_writable(tmp_path / "cache")
            os._exit(1)
        except StorageError as error:
            os._exit(0 if "no permission" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_publishing_does_not_overwrite_and_works_without_links(tmp_path, monkeypatch) -> None:
    final = tmp_path / "final"
    (tmp_path / "a").write_bytes(b"first")
    assert publish_file(tmp_path / "a", final)

    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "b").write_bytes(b"second")
    assert not publish_file(tmp_path / "b", final)
    assert final.read_bytes() == b"first"
    (tmp_path / "b").write_bytes(b"second")
    assert publish_file(tmp_path / "b", tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final", "other"]


def test_write_once_keeps_what_is_there(tmp_path) -> None:
    assert write_once(tmp_path / "a.json", b"1")
    assert not write_once(tmp_path / "a.json", b"2")
    assert (tmp_path / "a.json").read_bytes() == b"1"


def test_a_folder_is_on_the_disk_in_the_one_above_it(tmp_path, monkeypatch) -> None:
    synced = []
    monkeypatch.setattr(durable, "fsync_folder", synced.append)
    durable.make_folder(tmp_path / "a" / "b")
    durable.make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        durable.make_folder(tmp_path / "file")


@pytest.mark.parametrize(
    "write",
    [durable.make_folder, durable.check_writable, lambda path: durable.write_output(path, b"", False)],
)
@pytest.mark.parametrize("url", ["s3://bucket/x", "https://host/x"])
def test_a_url_never_becomes_a_folder(write, url, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=f"^{url}: a file or folder of this machine is needed here"):
        write(Path(url))
    assert not list(tmp_path.iterdir())
