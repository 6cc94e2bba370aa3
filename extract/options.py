"""Everything a user may choose about extract, in one frozen place, and the recipe it leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.schema import FORMAT_VERSION, SAMPLING_RATE
from extract.encoders import DEFAULT_MODEL
from extract.encoders.base import Encoder, EncoderOptions
from extract.errors import ExtractError


@dataclass(frozen=True)
class ExtractOptions:
    """Options of ``extract``.

    Attributes:
        encoder: which encoder, on what device and in what precision.
        media: folders searched in order for ``<id>.*`` when the source names ids only.
        max_seconds: how much of a clip is used [s]; the method uses the first 12.
        batch_seconds: padded seconds a batch; None for what suits the device.
        store: back end of a new cache.
        shard_mb: target shard size of a new cache [10^6 bytes].
        part: (i, n) takes part i of n, 1 ≤ i ≤ n.
        limit: stop planning after the shards that hold the first ``limit`` clips to do.
        num_workers: decoding threads.
        grace: seconds a stop signal waits for the shard in progress.
    """

    encoder: EncoderOptions = field(default_factory=lambda: EncoderOptions(DEFAULT_MODEL))
    media: tuple[Path, ...] = ()
    max_seconds: float = 12.0
    batch_seconds: float | None = None
    store: str = "hdf5"
    shard_mb: float = 64.0
    part: tuple[int, int] = (1, 1)
    limit: int | None = None
    num_workers: int = 2
    grace: float = 30.0

    def __post_init__(self) -> None:
        index, count = self.part
        if not 1 <= index <= count:
            raise ExtractError(f"--part {index}/{count}: expected i/n with 1 <= i <= n, such as 2/8")
        if self.max_seconds < 0.025:
            raise ExtractError(f"--max-seconds {self.max_seconds:g}: expected at least 0.025 (one frame)")
        if self.shard_mb <= 0 or self.num_workers < 1 or (self.limit is not None and self.limit < 1):
            raise ExtractError("--shard-mb, --num-workers and --limit: expected positive numbers")

    def recipe(self, encoder: Encoder) -> dict[str, Any]:
        """Return everything that determines the values, and nothing else."""
        return {
            "format_version": FORMAT_VERSION,
            **encoder.recipe,
            "sampling_rate": SAMPLING_RATE,
            "resampler": "soxr HQ",
            "max_seconds": float(self.max_seconds),
            "chunking": "none",
            "stored_dtype": {frame_field.name: frame_field.dtype.name for frame_field in encoder.fields},
        }


def parse_part(text: str) -> tuple[int, int]:
    """Return (i, n) for ``i/n``."""
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit()):
        raise ExtractError(f"--part {text}: expected i/n with 1 <= i <= n, such as 2/8")
    return int(index), int(count)
