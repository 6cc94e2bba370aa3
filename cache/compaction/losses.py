"""What the frames lose on the way to the laptop cache: on clips its axes were fitted on, and on others apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cache.common.progress import OnProgress, silent
from cache.common.types import Array
from cache.common.words import counted
from cache.compaction.projection import Axes, Moments, Projection, pool_frames
from cache.format.schema import FrameField
from cache.reader import CacheReader
from cache.shards.quantise import dequantise, quantise

MAX_CLIPS = 500  # of each kind
FEWEST = 5  # clips of which every fifth can be held out
FITTED, HELD_OUT, ANY = "fitted", "held-out", ""  # of a field without axes nothing is fitted
REFITTED = "held-out (axes fitted again without them)"
TOO_FEW = "too few clips to hold any out: what is lost on clips the axes have not seen is not known"


@dataclass(frozen=True)
class Loss:
    """What one frame field loses on some clips, as relative L2.

    Attributes:
        field: its name.
        kind: of the clips: ``FITTED``, ``HELD_OUT``, ``REFITTED`` or ``ANY``.
        clips: how many.
        pooling: of the full cache's frames, by the mean over windows.
        projection: of the pooled frames, by the axes left out.
        rounding: of the pooled frames, by int8 or float16.
        total: of the pooled frames, by both.
    """

    field: str
    kind: str
    clips: int
    pooling: float
    projection: float
    rounding: float
    total: float


class _Sums:
    """Sums of squares over clips, of one field; ``window`` frames were pooled into one."""

    def __init__(self, window: int) -> None:
        self._window, self._clips = window, 0
        self._frames = self._pooled = self._pooling = self._projection = self._rounding = self._total = 0.0

    def add(self, frames: Array, pooled: Array, axes: Axes | None, exact: Array, stored: Array) -> None:
        """Count a clip in: its frames, pooled, in the channels of the compact cache, and as these are stored."""
        self._clips += 1
        self._frames += _square(frames)
        self._pooled += _square(pooled)
        self._pooling += _square(frames - np.repeat(pooled, self._window, axis=0)[: len(frames)])
        self._projection += _square(pooled - _back(exact, axes))
        self._rounding += _square(exact - stored)  # the axes are orthonormal: the same in all channels
        self._total += _square(pooled - _back(stored, axes))

    def loss(self, field: str, kind: str) -> Loss:
        """Return the relative errors so far."""

        def relative(lost: float, of: float) -> float:
            return float(np.sqrt(lost / of)) if of else 0.0

        return Loss(
            *(field, kind, self._clips),
            pooling=relative(self._pooling, self._frames),
            projection=relative(self._projection, self._pooled),
            rounding=relative(self._rounding, self._pooled),
            total=relative(self._total, self._pooled),
        )


def _square(values: Array) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _back(values: Array, axes: Axes | None) -> Array:
    return values if axes is None else values @ axes.basis.T + axes.mean


def measure_losses(
    full: CacheReader, small: CacheReader, projection: Projection, on_progress: OnProgress = silent
) -> tuple[Loss, ...]:
    """Compare the frames of a compact cache with those it was made from, on a sample of clips.

    Where the axes were fitted on every clip, they are fitted again on four of five of the sample, and what the
    fifth loses with those is the loss on held-out clips; with fewer than five clips there is none.
    """
    fitted_on = set(projection.fitted_on)
    both = sorted((clip_id for clip_id in small.clip_ids if clip_id in full), key=draw)
    fitted = [clip_id for clip_id in both if clip_id in fitted_on or not projection.axes][:MAX_CLIPS]
    others = [clip_id for clip_id in both if clip_id not in set(fitted) and projection.axes][:MAX_CLIPS]
    losses: list[Loss] = []
    for done, (name, field) in enumerate(small.frame_fields.items()):
        axes = projection.axes.get(name)
        measured = _Measured(full, small, projection, name)
        if axes is None:
            losses += measured.losses({ANY: [*fitted, *others][:MAX_CLIPS]})
        else:
            losses += measured.losses({FITTED: fitted, HELD_OUT: others})
            losses += [] if others else _refitted(measured, field, fitted)
        on_progress(done + 1, len(small.frame_fields))
    return tuple(losses)


def draw(clip_id: str) -> str:
    """Return what puts clips into an order that is the same whenever it is asked for, and follows nothing."""
    return hashlib.sha256(clip_id.encode()).hexdigest()


class _Measured:
    """One frame field in both caches."""

    def __init__(self, full: CacheReader, small: CacheReader, projection: Projection, name: str) -> None:
        self._full, self._small, self.projection, self.name = full, small, projection, name

    def frames(self, clip_id: str) -> tuple[Array, Array]:
        """Return a clip's frames in the full cache as float32, and their means over windows."""
        frames = self._full.read_values(clip_id, self.name)
        return frames, pool_frames(frames, self.projection.pool)

    def losses(self, clips: Mapping[str, Sequence[str]]) -> Iterator[Loss]:
        """Yield the loss of each kind of clips, kind → ids, of which there are any."""
        axes = self.projection.axes.get(self.name)
        for kind, clip_ids in clips.items():
            sums = _Sums(self.projection.pool)
            for clip_id in clip_ids:
                frames, pooled = self.frames(clip_id)
                exact = self.projection.global_mean(self.name, pooled)
                sums.add(frames, pooled, axes, exact, self._small.read_values(clip_id, self.name))
            if clip_ids:
                yield sums.loss(self.name, kind)


def _refitted(measured: _Measured, field: FrameField, clip_ids: Sequence[str]) -> Iterator[Loss]:
    """Yield the loss on every fifth clip with axes that were fitted on the others."""
    if len(clip_ids) < FEWEST:
        return
    held_out = clip_ids[FEWEST - 1 :: FEWEST]
    moments = Moments(len(measured.projection.axes[measured.name].mean))
    for clip_id in clip_ids:
        if clip_id not in set(held_out):
            moments.add(measured.frames(clip_id)[1])
    axes, sums = moments.axes(field.width), _Sums(measured.projection.pool)
    for clip_id in held_out:
        frames, pooled = measured.frames(clip_id)
        exact = (pooled - axes.mean) @ axes.basis
        stored = dequantise(*quantise(exact)) if field.quantised else exact.astype(field.dtype)
        sums.add(frames, pooled, axes, exact, stored.astype(np.float32))
    yield sums.loss(measured.name, REFITTED)


def as_lines(losses: Sequence[Loss]) -> Iterator[str]:
    """Yield the losses as lines for a terminal."""
    for loss in losses:
        kind, _, how = loss.kind.partition(" ")
        clips = counted(loss.clips, f"{kind} clip".strip()) + (f" {how}" if how else "")
        parts = f"projection {loss.projection:.4f}, " if loss.kind != ANY else ""
        yield (
            f"    frames/{loss.field}, {clips}: relative L2 {loss.total:.4f} against the pooled frames "
            f"({parts}rounding {loss.rounding:.4f}); pooling before that {loss.pooling:.4f} of the frames"
        )
    if any(loss.kind == FITTED for loss in losses) and all(loss.kind in (FITTED, ANY) for loss in losses):
        yield f"    {TOO_FEW}"
