"""Everything a user may choose about the encoding of transcripts, declared once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cache.common.option_fields import ONE_OR_MORE, POSITIVE, Range, check_options, option
from cache.shards.registry import DEFAULT, STORES, backend_name
from extract.encoders.base import PRECISIONS
from extract.errors import ExtractError, with_flag
from extract.options import EngineOptions

TOKENS = Range("8 or more", lambda tokens: tokens >= 8)


@dataclass(frozen=True)
class TextOptions:
    """Options of ``encode_text``.

    Attributes:
        model: folder or hub id of an encoder of transformers.
        engine: who does the work.
        revision: branch, tag or commit on the hub.
        prefix: text put before every transcript, as ``query: `` for e5.
        layers: ``last``, or layer numbers separated by commas.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``float32``, ``float16`` or ``bfloat16`` of the computation; ``auto`` for the device's.
        max_tokens: a text of more is read in windows; None for what the encoder takes.
        batch_tokens: padded tokens a batch.
        words: table of words to take in the place of the one beside a table of transcripts.
        store: back end of a new cache, in any case; None for hdf5.
        shard_mb: target shard size of a new cache [10^6 bytes].
        update: encode clips again whose transcript has changed since.
        grace: seconds a stop signal waits for the shard in progress.
        max_minutes: stop in order after so many minutes.
        log_file: a file that lines with times are appended to.

    Raises:
        ExtractError: a value is of another type or out of its range; the message starts with its flag.
    """

    model: str = option("", "Encoder of transformers: a local folder or a hub id.", flag="--model")
    engine: EngineOptions = field(default_factory=EngineOptions)
    revision: str | None = option(None, "Branch, tag or commit on the hub.")
    prefix: str = option("", "Text before every transcript: 'query: ' for e5.", shown="none")
    layers: str = option("last", "'last' or layer numbers, such as 6,12.")
    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    precision: str = option("auto", f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}.", choices=PRECISIONS)
    max_tokens: int | None = option(
        None, "A text of more tokens is read in windows.", within=TOKENS, shown="what the encoder takes"
    )
    batch_tokens: int = option(1024, "Padded tokens a batch.", within=ONE_OR_MORE)
    words: Path | None = option(None, "Table of words with times.", shown="TRANSCRIPTS.words.csv")
    store: str | None = option(
        None, f"Storage of a new cache: {STORES.choices()}.",
        choices=STORES, parse=backend_name, shown=DEFAULT, flag="--backend",
    )  # fmt: skip
    shard_mb: float = option(64.0, "Shard size of a new cache [MB].", within=POSITIVE)
    update: bool = option(False, "Encode clips again whose transcript has changed since.", flag="--update")
    grace: float = option(30.0, "Seconds a stop waits for the shard at hand.")
    max_minutes: float | None = option(
        None, "Stop in order after so many minutes (exit code 75).", within=POSITIVE
    )
    log_file: Path | None = option(None, "Append what happens, with times.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", os.fspath(self.model))
        if self.store is not None:
            object.__setattr__(self, "store", self.store.lower())
        check_options(self, with_flag(ExtractError, TextOptions))
        if not self.model:
            raise ExtractError(
                "--model: found nothing, expected a folder or hub id of an encoder of transformers, such as "
                "intfloat/multilingual-e5-small"
            )
