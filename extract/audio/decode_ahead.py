"""Decodes clips ahead of the encoder: in order, a bounded number of seconds of sound at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from cache.commit.partition import ShardPlan
from extract.audio.cut import Audio
from extract.audio.decode import decode_file
from extract.audio.rules import CURRENT
from extract.errors import ClipError
from extract.sources.clips import Sound, SourceClip

CLIPS_AHEAD = 128  # decoded clips that may wait for the encoder
SHARDS_AHEAD = 2  # whole ones among them: what one worker has begun no other one can do
FRAMES_AHEAD = 50_000  # of sound they may hold together, as planned: 1,000 s, 64 MB

Decoded = tuple[SourceClip, Audio | ClipError]
_File = Future[dict[str, Audio | ClipError]]


@dataclass(frozen=True)
class _Waiting:
    clip: SourceClip
    frames: int
    file: _File
    is_last: bool  # of its shard

    def outcome(self) -> Decoded:
        try:
            return self.clip, self.file.result()[self.clip.clip_id]
        except MemoryError:  # one file that is too long ends no run
            return self.clip, ClipError("out_of_memory", "its sound does not fit the memory")


def decoded(
    plans: Iterable[ShardPlan],
    clips: Mapping[str, SourceClip],
    max_seconds: float,
    pool: ThreadPoolExecutor,
    rules: int = CURRENT,
) -> Generator[Decoded, None, None]:
    """Yield the clips of the shards, decoded, long ones first: a batch that does not fit fails early.

    A file that holds several clips of a shard is decoded once for all of them.
    """

    def submit(some: Sequence[SourceClip]) -> _File:
        return pool.submit(decode_file, some, max_seconds, rules)

    ahead: deque[_Waiting] = deque()
    frames = shards = 0
    try:
        for waiting in _submitted(plans, clips, submit):
            ahead.append(waiting)
            frames, shards = frames + waiting.frames, shards + waiting.is_last
            while ahead and (len(ahead) >= CLIPS_AHEAD or frames > FRAMES_AHEAD or shards >= SHARDS_AHEAD):
                frames, shards = frames - ahead[0].frames, shards - ahead[0].is_last
                yield ahead.popleft().outcome()
        while ahead:
            yield ahead.popleft().outcome()
    finally:
        for waiting in ahead:
            waiting.file.cancel()


def _submitted(
    plans: Iterable[ShardPlan],
    clips: Mapping[str, SourceClip],
    submit: Callable[[Sequence[SourceClip]], _File],
) -> Iterator[_Waiting]:
    for plan in plans:
        files: dict[Sound, list[SourceClip]] = {}
        for clip_id in plan.planned:
            files.setdefault(clips[clip_id].sound, []).append(clips[clip_id])
        started: dict[Sound, _File] = {}
        order = sorted(plan.planned, key=lambda clip_id: (-plan.planned[clip_id], clip_id))
        for clip_id in order:
            clip = clips[clip_id]
            if clip.sound not in started:
                started[clip.sound] = submit(files[clip.sound])
            yield _Waiting(clip, plan.planned[clip_id], started[clip.sound], clip_id == order[-1])
