"""What the loop asks for: a run from sound to a cache has all of it; a refusal keeps reason and stage."""

from __future__ import annotations

from extract.errors import ClipError
from extract.run.context import RunContext
from extract.run.shards.work import ShardWork, refusal
from extract.sources.clips import SourceClip


def test_a_run_from_sound_to_a_cache_is_such_work() -> None:
    asked = {name for name in vars(ShardWork) if not name.startswith("_")}
    has = set(dir(RunContext)) | set(RunContext.__dataclass_fields__)
    assert asked <= has


def test_a_refusal_says_clip_stage_and_reason(tmp_path) -> None:
    clip = SourceClip("a", tmp_path / "a.wav", "sub/a.wav")
    failure = refusal(clip, "encode", ClipError("out_of_memory", "does not fit"))
    assert (failure.clip_id, failure.path, failure.stage) == ("a", "sub/a.wav", "encode")
    assert (failure.reason, failure.message) == ("out_of_memory", "does not fit")
