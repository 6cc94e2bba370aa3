"""An output replaces no file that holds something else, unless that is asked for."""

from __future__ import annotations

import pytest

from cache.common.durable import write_output
from cache.common.errors import StorageError


def test_a_file_of_somebody_else_is_replaced_on_demand_only(tmp_path):
    path = tmp_path / "new" / "out.csv"
    write_output(path, b"mine", overwrite=False)
    before = path.stat().st_mtime_ns
    write_output(path, b"mine", overwrite=False)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(StorageError, match="exists and holds something else; give another name, or replace"):
        write_output(path, b"other", overwrite=False)
    assert path.read_bytes() == b"mine"
    write_output(path, b"other", overwrite=True)
    assert path.read_bytes() == b"other"
    assert [each.name for each in path.parent.iterdir()] == ["out.csv"]


def test_a_folder_or_a_dangling_link_is_no_place_for_a_file(tmp_path):
    with pytest.raises(StorageError, match="is a folder"):
        write_output(tmp_path, b"x", overwrite=True)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError):
        write_output(tmp_path / "link", b"x", overwrite=False)
    assert not (tmp_path / "nowhere").exists()
