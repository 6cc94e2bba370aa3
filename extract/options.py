"""Everything a user may choose about extract, in one frozen place, and the recipe it leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.common.cores import available_cores
from cache.format.schema import FORMAT_VERSION, SAMPLING_RATE
from cache.shards.registry import STORES
from extract.encoders import DEFAULT_MODEL
from extract.encoders.base import WHOLE_SECONDS, Encoder, EncoderOptions
from extract.errors import ExtractError

MAX_WORKERS = 16


@dataclass(frozen=True)
class ExtractOptions:
    """Options of ``extract``.

    Attributes:
        encoder: which encoder, on what device and in what precision.
        media: folders searched in order for ``<id>.*`` when the source names ids only.
        max_seconds: how much of a clip is used [s]; the method uses the first 12; 0 takes whole clips.
        batch_seconds: padded seconds a batch; None for what suits the device.
        store: back end of a new cache, in any case; None for hdf5. One that exists keeps its own.
        shard_mb: target shard size of a new cache [10^6 bytes].
        part: (i, n) takes part i of n, 1 ≤ i ≤ n.
        limit: stop planning after the shards that hold the first ``limit`` clips to do.
        num_workers: decoding threads per device; None for the cores there are.
        grace: seconds a stop signal waits for the shard in progress.
        max_minutes: stop in order after so many minutes.
        update: extract clips again whose sound has changed since.
        log_file: a file that lines with times are appended to.
    """

    encoder: EncoderOptions = field(default_factory=lambda: EncoderOptions(DEFAULT_MODEL))
    media: tuple[Path, ...] = ()
    max_seconds: float = 12.0
    batch_seconds: float | None = None
    store: str | None = None
    shard_mb: float = 64.0
    part: tuple[int, int] = (1, 1)
    limit: int | None = None
    num_workers: int | None = None
    grace: float = 30.0
    max_minutes: float | None = None
    update: bool = False
    log_file: Path | None = None

    def __post_init__(self) -> None:
        if self.store is not None:
            object.__setattr__(self, "store", self.store.lower())
            if self.store not in STORES:
                raise ExtractError(f"store {self.store!r}: expected one of {', '.join(STORES)}")
        index, count = self.part
        if not 1 <= index <= count:
            raise ExtractError(f"--part {index}/{count}: expected i/n with 1 <= i <= n, such as 2/8")
        if self.max_seconds and not 0.025 <= self.max_seconds < float("inf"):
            raise ExtractError(
                f"--max-seconds {self.max_seconds:g}: expected at least 0.025 (one frame), or 0 for whole clips"
            )
        positive = (self.shard_mb, self.num_workers, self.limit, self.max_minutes)
        if any(number is not None and not number > 0 for number in positive):
            raise ExtractError(
                "--shard-mb, --num-workers, --limit and --max-minutes: expected positive numbers"
            )

    @property
    def workers(self) -> int:
        """Decoding threads per device."""
        devices = self.encoder.device.count(",") + 1
        return self.num_workers or max(2, min(MAX_WORKERS, available_cores()) // devices)

    def recipe(self, encoder: Encoder) -> dict[str, Any]:
        """Return everything that determines the values, and nothing else."""
        return {
            "format_version": FORMAT_VERSION,
            **encoder.recipe,
            "sampling_rate": SAMPLING_RATE,
            "resampler": "soxr HQ",
            "max_seconds": float(self.max_seconds),
            "chunking": "none" if 0 < self.max_seconds <= WHOLE_SECONDS else encoder.chunking,
            "stored_dtype": {frame_field.name: frame_field.dtype.name for frame_field in encoder.fields},
        }


def parse_part(text: str) -> tuple[int, int]:
    """Return (i, n) for ``i/n``."""
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit()):
        raise ExtractError(f"--part {text}: expected i/n with 1 <= i <= n, such as 2/8")
    return int(index), int(count)
