"""Follows fits with a tracker, live or from what they left; what goes wrong at the tracker never costs a fit."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.common.console import in_one_line
from cache.common.errors import reason_of
from cache.common.storage.secrets import scrubbed
from train.files import LOG, METRICS_FILE
from train.runs.history import EpochRecord
from train.runs.run_folder import read_metrics
from train.runs.tracking.options import TrackOptions
from train.runs.tracking.registry import TRACKERS
from train.runs.tracking.told import PICTURES, about_run, passes_of, scores_of
from train.runs.tracking.tracker import Tracker

TELL_EVERY = 1.0  # seconds between two looks of the tracker at a fit of many short epochs


@dataclass
class Tracking:
    """Who is told of the fits inside a ``tracked``.

    Attributes:
        kind: name of the tracker.
        place: where it writes.
        root: folder below which runs are named by their paths.
        broken: whether something went wrong, so that it is left alone.
    """

    kind: str
    place: str
    root: Path
    broken: bool = False

    def name_of(self, out: Path) -> str:
        """Return the name of the run in a folder."""
        whole = out.resolve()
        return whole.relative_to(self.root).as_posix() if whole.is_relative_to(self.root) else whole.name

    def line(self) -> str:
        """Return a line more that says where to look; nothing where tracking failed."""
        return "" if self.broken else f"\ntracked: {scrubbed(TRACKERS.get(self.kind).look(self.place))}"

    def safely(self, tell: Callable[[], Any]) -> Any:
        """Do something at the tracker; a failure of any kind is said, once, and is the end of tracking."""
        if self.broken:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of its libraries, about themselves
                return tell()
        except Exception as error:
            self.broken = True
            why = in_one_line(scrubbed(reason_of(error)))[:300]
            LOG.warning(
                "--track %s: %s (%s: %s); the work goes on and is not tracked; the same command tells it later",
                self.kind,
                in_one_line(scrubbed(self.place)),
                type(error).__name__,
                why,
            )
            return None


_TRACKING: ContextVar[Tracking | None] = ContextVar("emi_train_tracking", default=None)


@contextmanager
def tracked(options: TrackOptions, out: Path) -> Iterator[Tracking | None]:
    """Have the fits inside told to a tracker, if one is asked for.

    Args:
        options: which, and where it writes.
        out: folder of the command; runs are named by their paths below the one that it lies in.
    """
    if options.track is None:
        yield None
        return
    root = out.resolve().parent
    tracking = Tracking(options.track, options.place(root), root)
    token = _TRACKING.set(tracking)
    try:
        yield tracking
    finally:
        _TRACKING.reset(token)


def tracking_around() -> Tracking | None:
    """Return the innermost ``tracked`` around the caller; None if there is none."""
    return _TRACKING.get()


class Follower:
    """Tells a tracker of one fit; without one it does nothing.

    Args:
        out: run folder.
        tracking: the tracker; None for none.
    """

    def __init__(self, out: Path, tracking: Tracking | None) -> None:
        self._out, self._tracking = out, tracking
        self._tracker: Tracker | None = None
        self._last, self._finished = float("-inf"), False

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        """Say something to the tracker, which is opened first."""
        if self._tracking is None:
            return
        if self._tracker is None:
            self._tracker = self._tracking.safely(self._open)
        tracker = self._tracker
        if tracker is not None:
            self._tracking.safely(lambda: what(tracker))

    def _open(self) -> Tracker:
        assert self._tracking is not None  # noqa: S101 - for the type checker
        about = about_run(self._out, self._tracking.name_of(self._out))
        return TRACKERS.get(self._tracking.kind)(self._tracking.place, about)

    def epochs(self, passes: Callable[[], Mapping[str, Sequence[EpochRecord]]]) -> None:
        """Tell the epochs so far, by pass, unless that was done a moment ago."""
        if self._tracking is not None and time.monotonic() - self._last >= TELL_EVERY:
            self._tell(lambda tracker: _tell_passes(tracker, passes()))
            self._last = time.monotonic()

    def finish(self) -> None:
        """Tell what the finished run in the folder came to, and what of its epochs is not told yet."""
        self._tell(self._tell_all)

    def _tell_all(self, tracker: Tracker) -> None:
        metrics = read_metrics(self._out / METRICS_FILE)
        _tell_passes(tracker, passes_of(self._out))
        tracker.scores(scores_of(self._out, metrics), metrics["epoch"])
        tracker.pictures([self._out / name for name in PICTURES if (self._out / name).exists()])
        self._finished = True

    def close(self) -> None:
        """End it."""
        tracker = self._tracker
        if self._tracking is not None and tracker is not None:
            self._tracking.safely(lambda: tracker.close(finished=self._finished))


def _tell_passes(tracker: Tracker, passes: Mapping[str, Sequence[EpochRecord]]) -> None:
    for phase, records in passes.items():
        tracker.epochs(phase, records)


@contextmanager
def following(out: Path, *, wanted: bool = True) -> Iterator[Follower]:
    """Give what tells the tracker around the caller of the fit in ``out``; not ``wanted``, it tells nobody."""
    follower = Follower(out, tracking_around() if wanted else None)
    try:
        yield follower
    finally:
        follower.close()


def tell_run(out: Path) -> None:
    """Tell the tracker around the caller of a finished run, from its files."""
    with following(out) as follower:
        follower.finish()
