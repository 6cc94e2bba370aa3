"""What lies beside the shards is checked: the projection, its report, the lists of failed clips."""

from __future__ import annotations

import shutil
from pathlib import Path

from cache.format import catalog
from cache.tools.verify_files import check_files

GOLDEN = Path(__file__).parents[1] / "golden"


def test_what_is_damaged_and_what_carries_no_checksum(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "full", shards=1)
    assert check_files(tmp_path / "full", catalog.read_description(tmp_path / "full")) == ([], 0)
    path = tmp_path / "c"
    shutil.copytree(GOLDEN / "compact", path)
    description = catalog.read_description(path)
    assert check_files(path, description) == ([], 1), "the projection of an earlier version"
    (path / "projection.npz").write_bytes(b"PK")
    (path / "compact.json").write_text('{"clips": 3}')
    (path / "failures").mkdir()
    (path / "failures" / "x.jsonl").write_text('{"clip_id": 3}\n{"cut')
    findings, _ = check_files(path, description)
    assert [finding.shard for finding in findings] == ["failures/x.jsonl", "projection.npz", "compact.json"]
    assert "1 line damaged" in findings[0].problem
    assert "no key 'bytes'" in findings[2].problem
