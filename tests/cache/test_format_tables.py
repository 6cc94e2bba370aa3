"""The tables of cache/README.md name every key, array and file of a cache, in their order."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, CompactOptions, Failure, FrameField, compact, repair, verify
from cache.tools.verify import VerifyReport

FIELD = FrameField("hidden_states/2", 24)  # wide enough to be projected


def wide_cache(path: Path) -> CacheWriter:
    writer = CacheWriter.open(path, {"model": "wide"}, [FIELD])
    frames = np.random.default_rng(0).normal(size=(30, FIELD.width)).astype(np.float32)
    for clip_id in "01":
        clip = ClipFeatures(clip_id, {FIELD.name: frames}, {FIELD.name: frames[0]}, 99, -9.0, "0", {})
        writer.commit([clip])
    return writer


@pytest.fixture(scope="module")
def sections(root: Path) -> dict[str, str]:
    """Heading of cache/README.md → the text below it."""
    parts = re.split(r"^#+ (.+)$", (root / "cache" / "README.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_cells(text: str) -> list[str]:
    return [name for cell in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in spans(cell)]


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_key_of_the_documents_is_explained(sections, make_cache, tmp_path) -> None:
    make_cache(tmp_path / "c", shards=1)
    about = json.loads((tmp_path / "c" / "cache.json").read_bytes())
    assert first_cells(sections["`cache.json`"]) == list(about)
    field_row = next(line for line in sections["`cache.json`"].splitlines() if line.startswith("| `fields`"))
    assert spans(field_row)[1:] == list(about["fields"]["vad"])
    [path] = (tmp_path / "c" / "shards").glob("*.json")
    record = json.loads(path.read_bytes())
    text = sections["The commit record, `shards/NAME.json`"]
    assert list(record)[-1] == "crc32c"
    assert first_cells(text) == [*list(record)[:-1], "notes", "crc32c"]  # notes only where there are any
    lines = {spans(line)[0]: spans(line)[1:] for line in text.splitlines() if line.startswith("| `")}
    assert lines["datasets"] == list(record["datasets"]["offsets"])
    assert lines["sources"] == list(next(iter(record["sources"].values())))
    assert lines["checksum"][0] == next(iter(record["checksum"]))


def test_everything_in_the_folder_is_explained(sections, make_cache, recipe, fields, tmp_path) -> None:
    make_cache(tmp_path / "full", shards=2)
    compact(tmp_path / "full", tmp_path / "small", CompactOptions(pool=2))
    repair(tmp_path / "full", damaged(tmp_path / "full"))
    explained = {name.split("/")[0] for name in first_cells(sections["The folder"])}
    for path in (*tmp_path.glob("full/*"), *tmp_path.glob("small/*")):
        assert path.name in explained


def damaged(path: Path) -> VerifyReport:
    with next((path / "shards").glob("*.h5")).open("r+b") as file:
        file.seek(-9, 2)
        file.write(b"\0" * 9)
    report = verify(path)
    assert report.findings
    return report


def test_what_is_in_a_projection_a_failure_and_a_lease_is_explained(sections, tmp_path) -> None:
    writer = wide_cache(tmp_path / "full")
    compact(tmp_path / "full", tmp_path / "small", CompactOptions(pool=2, project=20), fit_on=["0"])
    with np.load(tmp_path / "small" / "projection.npz") as arrays:
        names = {re.sub(r"/.*", "/<frame field>", name) for name in arrays.files}
    assert names == set(first_cells(sections["Compact caches"]))
    writer.fail(Failure("x", "x.wav", "decode", "unreadable", "no sound"))
    [ledger] = (tmp_path / "full" / "failures").glob("*.jsonl")
    failure = json.loads(ledger.read_text())
    assert [name for name in spans(sections["Failures"]) if name in failure] == list(failure)
    [plan] = writer.plan({"x": 7})
    assert writer.lease(plan)
    [lease] = (tmp_path / "full" / "leases").glob(f"{plan.name}.0.lease")
    assert set(json.loads(lease.read_text())) <= set(spans(sections["Writing"]))
    digest = hashlib.sha256(b'[["x"],0]').hexdigest()
    assert plan.name == f"{digest[:16]}-0"
