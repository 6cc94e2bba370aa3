"""What the loop over shards does for transcripts that become a cache: tokens ahead, encode together, check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cache.commit.failures import Failure
from cache.commit.partition import ShardPlan
from cache.format.schema import SAMPLING_RATE
from cache.shards.arrays import ClipFeatures
from cache.writer import CacheWriter
from extract.encoders.base import Encoded
from extract.run.finishing import checked
from extract.run.progress import RunMeter
from extract.run.shards.work import Loaded
from extract.run.stopping import StopRequest
from extract.sources.clips import source_stat
from extract.text.encoder import TextEncoder
from extract.text.tokens import TextTokenizer, Tokens
from extract.transcripts.transcript import Transcript

UNHEARD_DB = 0.0  # rms_db of clips whose sound nobody has heard: the same for all, and not silent


@dataclass(frozen=True)
class TextWork:
    """One run from transcripts to a cache: a ``ShardWork``.

    Attributes:
        encoder: loaded.
        tokenizer: of the encoder.
        writer: of the cache.
        batch_tokens: padded tokens a batch.
        stop: whether a stop is asked for.
        meter: counts and shows what is done.
    """

    encoder: TextEncoder
    tokenizer: TextTokenizer
    writer: CacheWriter
    batch_tokens: int
    stop: StopRequest
    meter: RunMeter
    equal_lengths: bool = False
    workers: int = 1

    def read_ahead(
        self, plans: Iterable[ShardPlan], clips: Mapping[str, Transcript], pool: ThreadPoolExecutor
    ) -> Loaded:
        """Yield the clips of the shards with their tokens, long ones first; the pool is not worth its while."""
        del pool
        for plan in plans:
            for clip_id in sorted(plan.planned, key=lambda clip_id: (-plan.planned[clip_id], clip_id)):
                yield clips[clip_id], self.tokenizer.tokens(clips[clip_id])

    def num_samples(self, item: Tokens) -> int:
        """A token counts as a second: batches are made by tokens."""
        return item.num_tokens * SAMPLING_RATE

    def batch_seconds(self) -> float:
        """Return the padded tokens a batch may have."""
        return float(self.batch_tokens)

    def encode(self, items: Sequence[Tokens]) -> list[Encoded]:
        """Encode transcripts together."""
        return self.encoder.encode(items)

    def finish(self, clip: Transcript, item: Tokens, encoded: Encoded) -> ClipFeatures | Failure:
        """Return a clip's features as they may enter the cache, or why they must not."""
        known = item.timed
        seconds = clip.duration if clip.duration is not None else known.end
        size, mtime_ns = source_stat(clip.path) or (0, 0)
        notes = {"estimated_words": known.estimated, "late_words": known.late}
        features = ClipFeatures(
            clip_id=clip.clip_id,
            frames=encoded.frames,
            global_mean=encoded.global_mean,
            clip=encoded.clip,
            num_samples=round(seconds * SAMPLING_RATE),
            rms_db=UNHEARD_DB,
            audio_sha256=clip.sha256,
            source=clip.shown,
            source_bytes=size,
            source_mtime_ns=mtime_ns,
            windowed=encoded.windowed,
            notes={kind: count for kind, count in notes.items() if count},
        )
        return checked(features, self.writer.fields, clip.shown)

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be cached, in the ledger and the log."""
        self.writer.fail(failure)
        self.meter.failed(failure)
