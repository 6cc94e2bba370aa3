"""What the loop over shards does for transcripts: decode ahead, hear clip by clip, keep rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

from cache.commit.failures import Failure
from cache.commit.partition import ShardPlan
from cache.format.schema import SAMPLING_RATE, SILENCE_DB
from extract.audio.cut import Audio
from extract.audio.decode_ahead import decoded
from extract.run.progress import RunMeter
from extract.run.shards.work import Loaded
from extract.run.stopping import StopRequest
from extract.sources.clips import SourceClip
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.parts import Parts, Row
from extract.transcripts.asr.recogniser import SILENCE, Heard, Recogniser

NO_SPEECH = "no_speech"
REPEATS = "the words go in circles: hear it"


@dataclass(frozen=True)
class ClipAgain(SourceClip):
    """A clip that was heard before and sounds different now.

    Attributes:
        generation: one more than that of the row it had.
    """

    generation: int = 0

    @classmethod
    def of(cls, clip: SourceClip, generation: int) -> ClipAgain:
        """Return a clip of the source as one that is heard again."""
        return cls(**{each.name: getattr(clip, each.name) for each in fields(clip)}, generation=generation)


@dataclass(frozen=True)
class TranscribeWork:
    """One run of transcribing: a ``ShardWork``.

    Attributes:
        recogniser: loaded.
        writer: of the parts.
        options: of the run.
        stop: whether a stop is asked for.
        meter: counts and shows what is done.
    """

    recogniser: Recogniser
    writer: Parts
    options: TranscribeOptions
    stop: StopRequest
    meter: RunMeter
    equal_lengths: bool = False

    @property
    def workers(self) -> int:
        """Threads that decode ahead."""
        return self.options.workers

    def read_ahead(
        self, plans: Iterable[ShardPlan], clips: Mapping[str, SourceClip], pool: ThreadPoolExecutor
    ) -> Loaded:
        """Yield the clips of the shards, decoded."""
        return decoded(plans, clips, self.options.max_seconds, pool)

    def num_samples(self, item: Audio) -> int:
        """Return the samples of a clip [16 kHz]."""
        return len(item.samples)

    def batch_seconds(self) -> float:
        """One clip at a time: whatever is heard of it depends on no other."""
        return 0.0

    def encode(self, items: Sequence[Audio]) -> list[Heard]:
        """Hear clips; in digital silence there is nothing to hear."""
        return [
            SILENCE if item.rms_db <= SILENCE_DB else self.recogniser.hear(item.samples) for item in items
        ]

    def finish(self, clip: SourceClip, item: Audio, encoded: Heard) -> Row | Failure:
        """Return the clip's row."""
        stat = (item.source_bytes, item.source_mtime_ns, clip.start, clip.end)
        return Row(
            clip.clip_id,
            encoded.text,
            encoded.language,
            encoded.no_speech,
            len(item.samples) / SAMPLING_RATE,
            NO_SPEECH if not encoded.text else REPEATS if encoded.repeats else "",
            tuple((word.text, word.start, word.end, sure) for word, sure in encoded.words),
            item.sha256,
            clip.source,
            stat,
            clip.generation if isinstance(clip, ClipAgain) else 0,
        )

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be heard, in the ledger and the log."""
        self.writer.fail(failure)
        self.meter.failed(failure)
