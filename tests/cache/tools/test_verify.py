"""verify names every damage that can be done to a committed cache."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cache import verify
from cache.__main__ import app


@pytest.fixture
def path(tmp_path, make_cache):
    make_cache(tmp_path / "c")
    return tmp_path / "c"


def test_an_intact_cache_has_no_findings(path) -> None:
    report = verify(path)
    assert report.findings == ()
    assert (report.shards, report.clips) == (2, 6)


def test_a_flipped_bit_in_any_array_is_found_and_named(path) -> None:
    record = json.loads(sorted((path / "shards").glob("*.json"))[0].read_text())
    file = path / "shards" / record["file"]
    original = file.read_bytes()
    for name, dataset in record["datasets"].items():
        data = bytearray(original)
        data[dataset["offset"]] ^= 2
        file.write_bytes(bytes(data))
        text = " ".join(map(str, verify(path).findings))
        assert record["file"] in text
        assert name in text, name
    file.write_bytes(original)
    assert verify(path).findings == ()


def test_a_flipped_bit_anywhere_in_the_file_is_found(path) -> None:
    file = sorted((path / "shards").glob("*.h5"))[0]
    original = file.read_bytes()
    for position in range(0, len(original), max(1, len(original) // 60)):
        data = bytearray(original)
        data[position] ^= 64
        file.write_bytes(bytes(data))
        assert verify(path).findings, position


def test_truncated_missing_swapped_and_foreign_files_are_found(path) -> None:
    files = sorted((path / "shards").glob("*.h5"))
    original = [file.read_bytes() for file in files]

    files[0].write_bytes(original[0][: len(original[0]) // 2])
    assert "promises" in str(verify(path).findings[0])
    files[0].unlink()
    assert "missing" in str(verify(path).findings[0])
    files[0].write_bytes(original[1])
    files[1].write_bytes(original[0])
    assert {finding.shard for finding in verify(path).findings} == {file.name for file in files}
    for file, data in zip(files, original, strict=True):
        file.write_bytes(data)
    (path / "shards" / "notes.txt").write_text("x")
    assert [finding.shard for finding in verify(path).findings] == ["notes.txt"]


def test_a_missing_record_leaves_a_file_that_is_named(path) -> None:
    record = sorted((path / "shards").glob("*.json"))[0]
    record.unlink()
    assert [finding.shard for finding in verify(path).findings] == [record.with_suffix(".h5").name]


def test_a_duplicate_id_is_named_with_both_shards(path, make_clip, smuggle) -> None:
    smuggle(path, make_clip("0/00000", 30))
    findings = verify(path).findings
    assert len({finding.shard for finding in findings}) == 2
    assert {finding.clip for finding in findings} == {"0/00000"}


def test_a_shard_of_another_recipe_is_found(path, recipe, make_clip, smuggle) -> None:
    smuggle(path, make_clip("zzz"), recipe=recipe | {"weights_sha256": "f" * 64})
    assert "another recipe" in " ".join(map(str, verify(path).findings))


def test_the_command_exits_3_when_there_is_damage(path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["verify", str(path)]).exit_code == 0
    sorted((path / "shards").glob("*.h5"))[0].unlink()
    result = runner.invoke(app, ["verify", str(path), "--json"])
    assert result.exit_code == 3
    assert "missing" in json.loads(result.stdout)["findings"][0]["problem"]
