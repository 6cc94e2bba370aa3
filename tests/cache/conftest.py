"""Small caches with known values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, verify
from cache.format import own_checksum
from cache.format.record import CommitRecord

WIDTH = 8
RECIPE = {"model": "test", "revision": "1", "weights_sha256": "a" * 64, "config_sha256": "b" * 64}
FIELDS = (
    FrameField("hidden_states/2", WIDTH, np.dtype(np.float16)),
    FrameField("vad", 3, np.dtype(np.float32), dims=("arousal", "dominance", "valence")),
)


@pytest.fixture(scope="session")
def recipe() -> dict[str, str]:
    return dict(RECIPE)


@pytest.fixture(scope="session")
def fields() -> tuple[FrameField, ...]:
    return FIELDS


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., ClipFeatures]:
    """A clip whose values follow from its id and length."""

    def make(clip_id: str, frames: int = 7) -> ClipFeatures:
        rng = np.random.default_rng([frames, *clip_id.encode()])
        hidden = rng.normal(size=(frames, WIDTH)).astype(np.float32)
        vad = rng.random((frames, 3)).astype(np.float32)
        return ClipFeatures(
            clip_id=clip_id,
            frames={"hidden_states/2": hidden, "vad": vad},
            global_mean={"hidden_states/2": hidden.mean(axis=0), "vad": vad.mean(axis=0)},
            clip={"vad": vad.mean(axis=0)},
            num_samples=frames * 320 + 80,
            rms_db=-20.0,
            audio_sha256="0" * 64,
            source=f"{clip_id}.wav",
            source_bytes=100,
            source_mtime_ns=5,
        )

    return make


@pytest.fixture
def make_cache(make_clip: Callable[..., ClipFeatures]) -> Callable[..., dict[str, ClipFeatures]]:
    """Write a cache of ``shards`` × ``clips`` clips; return them by id."""

    def make(path: Path, shards: int = 2, clips: int = 3, store: str = "hdf5") -> dict[str, ClipFeatures]:
        writer = CacheWriter.open(path, RECIPE, FIELDS, store=store)
        written: dict[str, ClipFeatures] = {}
        for shard in range(shards):
            part = [make_clip(f"{shard}/{row:05}", 4 + row + shard) for row in range(clips)]
            writer.commit(part)
            written |= {clip.clip_id: clip for clip in part}
        return written

    return make


@pytest.fixture
def smuggle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CommitRecord]:
    """Copy a shard of these clips into a cache from elsewhere, as a file manager would."""

    def copy(path: Path, *clips: ClipFeatures, recipe: dict[str, str] | None = None) -> CommitRecord:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        record = CacheWriter.open(elsewhere, recipe or RECIPE, FIELDS).commit(clips)
        assert record
        for name in (record.file, f"{record.name}.json"):
            shutil.copy(elsewhere / "shards" / name, path / "shards")
        return record

    return copy


@pytest.fixture(scope="session")
def rewrite() -> Callable[..., None]:
    """Change a JSON document of a cache, and give it the checksum of what it says now."""

    def change(path: Path, edit: Callable[[dict], object]) -> None:
        document = json.loads(path.read_text())
        document.pop("crc32c", None)
        edit(document)
        path.write_bytes(own_checksum.to_bytes(document))

    return change


@pytest.fixture(scope="session")
def committed_once() -> Callable[..., None]:
    """Check that these clips are there, once, undamaged, and that nothing else lies about."""

    def check(path, ids) -> None:
        """Everything is there, once, undamaged, and nothing else lies about."""
        assert sorted(CacheReader(path).clip_ids) == sorted(ids)
        assert verify(path).findings == ()
        records = {file.stem for file in (path / "shards").glob("*.json")}
        assert {file.name.split(".")[0] for file in (path / "shards").iterdir()} == records
        assert list((path / "leases").iterdir()) == []

    return check


@pytest.fixture(scope="session")
def upload() -> Callable[[Path, Path], Path]:
    """Copy a cache to a place behind a URL, object by object."""

    def copy(folder: Path, target: Path) -> Path:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.storage.put_if_absent(path.relative_to(folder).as_posix(), path.read_bytes())
        return target

    return copy


@pytest.fixture
def cli_text() -> Callable[..., str]:
    """Run a command of ``emi-cache`` and return what it says; its exit code must be ``code``."""
    from typer.testing import CliRunner

    from cache.__main__ import app

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == code, done.output + str(done.exception)
        return done.stdout

    return run
