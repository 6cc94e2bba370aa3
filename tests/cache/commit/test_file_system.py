"""Which file systems are seen by all at once, from the list of mounts that Linux keeps."""

from __future__ import annotations

import pytest

from cache.commit import file_system


@pytest.mark.parametrize(
    ("mounts", "local"),
    [
        ("dev / ext4 rw 0 0\n", True),
        ("dev / overlay rw 0 0\nserver:/x {folder} nfs4 rw 0 0\n", False),
        ("server:/x / nfs rw 0 0\ntmpfs {folder} tmpfs rw 0 0\n", True),
        ("dev / ext4 rw 0 0\nserver:/x {folder}more nfs rw 0 0\n", True),
        ("dev / ext4 rw 0 0\ndev {folder} ext4 rw 0 0\nx {folder} fuse.sshfs rw 0 0\n", False),
        ("x / unheard-of rw 0 0\n", False),
        ("", False),
        (None, False),
    ],
)
def test_a_folder_is_local_where_the_deepest_mount_above_it_is(tmp_path, monkeypatch, mounts, local) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    table = tmp_path / "mounts"
    if mounts is not None:
        table.write_text(mounts.replace("{folder}", str(folder).replace(" ", r"\040")))
    monkeypatch.setattr(file_system, "MOUNTS", table)
    assert file_system.is_local(folder / "cache") is local
