"""Everything a user may choose about extraction, declared once, and the recipe it leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.common.cores import available_cores
from cache.common.option_fields import ONE_OR_MORE, POSITIVE, ZERO_OR_MORE, Range, check_options, option
from cache.common.storage.url_path import place
from cache.shards.registry import DEFAULT, STORES, backend_name
from extract.audio.rules import CURRENT, FIRST, recipe_of
from extract.encoders.base import WHOLE_SECONDS, EncoderDescription, EncoderOptions
from extract.errors import ExtractError, with_flag

MAX_WORKERS = 16
CLIP_SECONDS = Range(
    "at least 0.025 (one frame), or 0 for whole clips",
    lambda seconds: not seconds or 0.025 <= seconds < float("inf"),
)
ENGINES = ("local", "ray")
PART = Range("i/n with 1 <= i <= n, such as 2/8", lambda part: len(part) == 2 and 1 <= part[0] <= part[1])


def parse_part(text: str) -> tuple[int, int]:
    """Return (i, n) for ``i/n``.

    Raises:
        ExtractError: it is none.
    """
    index, _, count = text.partition("/")
    part = (int(index), int(count)) if index.isdecimal() and count.isdecimal() else (0, 0)
    if not PART.holds(part):
        raise ExtractError(f"--part: found {text}, expected {PART.expected}")
    return part


@dataclass(frozen=True)
class EngineOptions:
    """Who does the work; no part of the recipe.

    Attributes:
        engine: ``local``, one process a device of this machine, or ``ray``, the workers of a Ray cluster.
        address: of the Ray cluster, ``auto`` for the one this machine is part of; None for the one that
            ``RAY_ADDRESS`` names, else one of this machine alone, which ends with the run.
        workers: how many at once; None for one a GPU, or one a machine where there is none.
        gpus_per_worker: None for one where the cluster has any; 0 for the CPU.
        cpus_per_worker: None for an equal share of its machine's.

    Raises:
        ExtractError: a value is out of its range, or of no meaning for the engine.
    """

    engine: str = option("local", "Who does the work: this machine, or a Ray cluster.", choices=ENGINES)
    address: str | None = option(
        None,
        "Of the Ray cluster: auto (the one here), or HOST:PORT.",
        shown="RAY_ADDRESS, else one of its own",
    )
    workers: int | None = option(
        None, "Workers of the Ray cluster.", within=ONE_OR_MORE, shown="one a GPU, else one a machine"
    )
    gpus_per_worker: float | None = option(
        None,
        "GPUs of each; 0 for the CPU, 0.5 for two on one.",
        within=ZERO_OR_MORE,
        shown="1 if there are any",
    )
    cpus_per_worker: int | None = option(
        None, "CPU cores of each.", within=ONE_OR_MORE, shown="an equal share of its machine's"
    )

    def __post_init__(self) -> None:
        check_options(self, with_flag(ExtractError, EngineOptions))
        if self.engine != "ray":
            for name in ("address", "workers", "gpus_per_worker", "cpus_per_worker"):
                if getattr(self, name) is not None:
                    raise ExtractError(
                        f"--{name.replace('_', '-')}: only with --engine ray; add it, or leave this out"
                    )


@dataclass(frozen=True)
class ExtractOptions:
    """Options of ``extract``.

    Attributes:
        encoder: which encoder, on what device and in what precision.
        engine: who does the work.
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
        audio_stream: which audio stream of files that have several, from 0; None for the default one of each.
        rules: how channels, tracks and times of files are understood (``extract.audio.rules``); a cache that
            exists keeps its own.
        like: cache, run or bundle whose recipe the new values must be of; ``extract.run.like`` takes the other
            options from it.

    Raises:
        ExtractError: a value is of another type or out of its range; the message starts with its flag.
    """

    encoder: EncoderOptions = field(default_factory=EncoderOptions)
    engine: EngineOptions = field(default_factory=EngineOptions)
    media: tuple[Path, ...] = option(
        (), "Folder or URL searched for <id>.*; may be repeated, first wins.", flag="--media"
    )
    max_seconds: float = option(
        12.0, "Use the first so many seconds of a clip; 0 for whole clips.", within=CLIP_SECONDS
    )
    batch_seconds: float | None = option(
        None, "Padded seconds a batch; 0 for single clips.", within=ZERO_OR_MORE, shown="by device"
    )
    store: str | None = option(
        None, f"Storage of a new cache: {STORES.choices()}.",
        choices=STORES, parse=backend_name, shown=DEFAULT, flag="--backend",
    )  # fmt: skip
    shard_mb: float = option(64.0, "Shard size of a new cache [MB].", within=POSITIVE)
    part: tuple[int, int] = option(
        (1, 1), "i/n: only part i of n, for job arrays.",
        within=PART, shown="1/1", typed=str, parse=parse_part,
    )  # fmt: skip
    limit: int | None = option(
        None, "Only the shards that hold the first so many clips (whole shards).", within=ONE_OR_MORE
    )
    num_workers: int | None = option(
        None, "Decoding threads per device.", within=ONE_OR_MORE, shown="the cores there are"
    )
    grace: float = option(30.0, "Seconds a stop waits for the shard at hand.")
    max_minutes: float | None = option(
        None, "Stop in order after so many minutes (exit code 75).", within=POSITIVE
    )
    update: bool = option(False, "Extract clips again whose sound has changed since.", flag="--update")
    log_file: Path | None = option(None, "Append what happens, with times.")
    audio_stream: int | None = option(
        None, "Audio stream of files that have several, from 0.", within=ZERO_OR_MORE, shown="the default one"
    )
    like: Path | None = option(
        None,
        "Cache, run or bundle (.zip): model, layers, seconds, precision and compaction are those of its recipe.",
    )
    rules: int = option(
        CURRENT, "Version of the rules for channels and times.", choices=(FIRST, CURRENT), offered=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "media", tuple(map(place, self.media)))
        if self.store is not None:
            object.__setattr__(self, "store", self.store.lower())
        check_options(self, with_flag(ExtractError, ExtractOptions))

    @property
    def workers(self) -> int:
        """Decoding threads per device."""
        devices = self.encoder.device.count(",") + 1
        return self.num_workers or max(2, min(MAX_WORKERS, available_cores()) // devices)

    def recipe(self, encoder: EncoderDescription) -> dict[str, Any]:
        """Return everything that determines the values, and nothing else."""
        from cache.format.schema import FORMAT_VERSION, SAMPLING_RATE  # loads numpy, which no help text needs

        return {
            "format_version": FORMAT_VERSION,
            **encoder.recipe,
            "sampling_rate": SAMPLING_RATE,
            "resampler": "soxr HQ",
            **recipe_of(self.rules),
            "max_seconds": float(self.max_seconds),
            "chunking": "none" if 0 < self.max_seconds <= WHOLE_SECONDS else encoder.chunking,
            "stored_dtype": {frame_field.name: frame_field.dtype.name for frame_field in encoder.fields},
        }
