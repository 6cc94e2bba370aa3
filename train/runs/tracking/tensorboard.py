"""TensorBoard: each run is a folder with one event file: scalars, pictures, and parameters for its HParams page."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.files import make_folder
from train.runs.history import EpochRecord
from train.runs.tracking.tracker import About, values_of

SUFFIX = ".emi-train"  # of our event files, which a run that begins or goes on writes anew


class TensorBoard:
    """One run, in a folder of its name below ``place``."""

    def __init__(self, place: str, about: About) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._folder, self._metric = Path(place) / about.name, about.metric
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._written: dict[str, int] = {}
        make_folder(self._folder)
        for file in self._folder.glob(f"events.out.tfevents.*{SUFFIX}"):
            file.unlink()
        self._writer = EventFileWriter(str(self._folder), filename_suffix=SUFFIX)
        self._add(hparams_pb(dict(about.parameters), trial_id=about.key), 0)

    @staticmethod
    def look(place: str) -> str:
        """Return the command that shows all runs."""
        return shlex.join(["tensorboard", "--logdir", place])

    def _add(self, summary: Any, step: int) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def _add_scalars(self, values: Mapping[str, float], step: int) -> None:
        defined = [
            self._summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if not math.isnan(value)
        ]
        self._add(self._summary(value=defined), step)

    def epochs(self, phase: str, records: Sequence[EpochRecord]) -> None:
        """Write those that are not written yet."""
        for record in records[self._written.get(phase, 0) :]:
            values = values_of(record, self._metric)
            self._add_scalars({f"{phase}/{name}": value for name, value in values.items()}, record.epoch)
        self._written[phase] = len(records)
        self._writer.flush()

    def scores(self, values: Mapping[str, float], epoch: int) -> None:
        """Write each as one point, at the epoch that was kept."""
        self._add_scalars(values, epoch)

    def pictures(self, paths: Iterable[Path]) -> None:
        """Write each into the event file."""
        for path in paths:
            picture = self._summary.Image(encoded_image_string=path.read_bytes())
            self._add(self._summary(value=[self._summary.Value(tag=path.stem, image=picture)]), 0)

    def close(self, *, finished: bool) -> None:  # noqa: ARG002 - its files do not tell
        """Write everything."""
        self._writer.close()
