"""What a student learns from: log-mel frames of one cache, and what a teacher's cache says of the same clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.ids import nearly_matching
from cache.common.progress import OnProgress, silent
from cache.common.student.layout import CHANNELS_IN
from cache.common.words import counted
from cache.compaction.projection import Axes, Moments
from cache.format.schema import CLIPS, GLOBAL_MEAN, VAD_DIMS
from train.errors import ConfigError, LabelError
from train.features.inputs import VAD, choose_inputs, has_vad
from train.fitting.distil.options import LINEAR, NOTHING, DistilOptions

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
LOGMEL = "logmel"
READ_OUT = ("component 1", "component 2", "component 3")  # names of a linear read-out's dimensions
ROUNDING = 1e-12  # of a squared mean, below which a variance is none
NOISE = 1e-6  # of the largest variance, which float32 leaves in all others
LARGEST = 65_000.0  # that float16 holds
MOST_CLIPS = 1000  # that principal axes of frames are taken from: more change them little


@dataclass(frozen=True)
class Lessons:
    """Clips that both caches hold.

    Attributes:
        clip_ids: (clips,) sorted.
        frames: of each (frames, 81) float16, as the log-mel cache has them.
        clips: (clips, dimensions) float64, what the teacher says of each.
        readout: of each (frames, dimensions) float32, what it says of each frame.
        hidden: of each (frames, components) float16, principal components of its frames, at one common scale.
        dimensions: names of what it says.
        field: of the teacher's frames.
        explained: share of the variance of its frames that the components hold; None without.
        unmatched: clips that only one of the caches holds.
    """

    clip_ids: tuple[str, ...]
    frames: tuple[npt.NDArray[np.float16], ...]
    clips: FloatArray
    readout: tuple[Float32Array, ...]
    hidden: tuple[npt.NDArray[np.float16], ...]
    dimensions: tuple[str, ...]
    field: str
    explained: float | None
    unmatched: int

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(clips,) frames of each."""
        return np.array([len(each) for each in self.frames], dtype=np.int64)

    @property
    def components(self) -> int:
        """Principal components of the teacher's frames."""
        return int(self.hidden[0].shape[1])


def read_lessons(
    logmel: CacheReader, teacher: CacheReader, options: DistilOptions, on_progress: OnProgress = silent
) -> Lessons:
    """Read what a student learns from into memory: 8 KB a second of sound, and the teacher's part.

    Args:
        logmel: a cache of ``emi-extract run --model logmel``.
        teacher: the cache of any encoder, full or compact.
        options: what is learned.
        on_progress: called with clips read, and all there are.

    Raises:
        ConfigError: if the one is no log-mel cache, or the other lacks what is to be learned or never changes.
        LabelError: if they have no clip in common, or just one.
    """
    require_logmel(logmel)
    field = choose_inputs(teacher, options.layer, vad=False).fields[0]
    width = teacher.frame_fields[field].width
    if options.hidden > width:
        raise ConfigError(f"{teacher.path}: {field} has {width} channels; found --hidden {options.hidden}")
    if options.targets_from == LINEAR and width < len(READ_OUT):
        raise ConfigError(
            f"{teacher.path}: {field} has {width} channels, --targets-from linear reads {len(READ_OUT)}"
        )
    if options.targets_from == VAD and not has_vad(teacher):
        raise ConfigError(
            f"{teacher.path}: this teacher has no vad, found {', '.join(teacher.frame_fields)}; take three "
            "components of its frames in its place with --targets-from linear, or its frames alone with "
            "--targets-from none --hidden N"
        )
    ids = _common(logmel, teacher)
    said = _Said.of(teacher, field, ids, options)
    frames, readout, hidden = [], [], []
    for number, clip_id in enumerate(ids):
        frames.append(logmel.read_frames(clip_id, LOGMEL))
        at = _nearest(
            len(frames[-1]), logmel.frame_fields[LOGMEL].frame_shift, teacher.num_frames(clip_id), said.shift
        )
        readout.append(said.of_frames(clip_id)[at])
        hidden.append(said.components(clip_id)[at])
        on_progress(number + 1, len(ids))
    return Lessons(
        tuple(ids),
        tuple(frames),
        said.clips,
        tuple(readout),
        tuple(hidden),
        said.dimensions,
        field,
        said.hidden.explained if said.hidden else None,
        len(logmel) + len(teacher) - 2 * len(ids),
    )


def require_logmel(reader: CacheReader) -> None:
    """Refuse a cache that does not hold plain log-mel frames.

    Raises:
        ConfigError: if it does not.
    """
    field = reader.frame_fields.get(LOGMEL)
    plain = field is not None and (field.width, field.dtype) == (CHANNELS_IN, np.dtype(np.float16))
    if not plain or reader.recipe.get("model") != LOGMEL:
        kind = "compact cache" if reader.recipe.is_compact else "cache"
        raise ConfigError(
            f"{reader.path}: found a {kind} of {reader.recipe.encoder.get('model')} with "
            f"{', '.join(reader.frame_fields)}, expected log-mel frames as extraction leaves them: "
            "a student hears them; make them with emi-extract run CLIPS --model logmel --out CACHE"
        )


def _common(logmel: CacheReader, teacher: CacheReader) -> list[str]:
    ids = sorted(set(logmel.clip_ids) & set(teacher.clip_ids))
    if not ids:
        one, two = (", ".join(each.clip_ids[:3]) or "none" for each in (logmel, teacher))
        raise LabelError(
            f"{logmel.path} and {teacher.path} have no clip in common: {one} and {two}; both must be made of the "
            f"same clips{nearly_matching(logmel.clip_ids, teacher.clip_ids)}"
        )
    if len(ids) == 1:
        raise LabelError(
            f"{logmel.path} and {teacher.path} have one clip in common, {ids[0]}: a student learns from many"
        )
    return ids


def _nearest(count: int, shift: float, theirs: int, their_shift: float) -> npt.NDArray[np.int64]:
    """Return for each of ``count`` frames the teacher's that is nearest in time; its last beyond its end."""
    at = (np.arange(count) + 0.5) * shift / their_shift
    return np.minimum(at.astype(np.int64), theirs - 1)


@dataclass(frozen=True)
class _Said:
    """What a teacher says.

    Attributes:
        teacher: its cache.
        field: of its frames.
        shift: seconds from one of its frames to the next.
        dimensions: names of what it says of a clip.
        clips: (clips, dimensions).
        readout: axes of a linear read-out; None where it says VAD, or nothing.
        deviations: (dimensions,) that a linear read-out is divided by.
        hidden: axes of its frames; None where they are not learned.
    """

    teacher: CacheReader
    field: str
    shift: float
    dimensions: tuple[str, ...]
    clips: FloatArray
    readout: Axes | None
    deviations: Float32Array
    hidden: Axes | None

    @classmethod
    def of(cls, teacher: CacheReader, field: str, ids: list[str], options: DistilOptions) -> _Said:
        """Look at all clips once for clip-level values, and at some for the axes of their frames."""
        shift = teacher.frame_fields[field].frame_shift
        hidden = _axes_of_frames(teacher, field, ids, options.hidden) if options.hidden else None
        one = np.ones(1, np.float32)
        if options.targets_from == NOTHING:
            return cls(teacher, field, shift, (), np.empty((len(ids), 0)), None, one, hidden)
        if options.targets_from == LINEAR:
            means = teacher.clip_table(GLOBAL_MEAN + field, ids).astype(np.float32)
            moments = Moments(means.shape[1])
            moments.add(means)
            axes = moments.axes(len(READ_OUT))
            least = max(ROUNDING * _square(axes.mean), NOISE * axes.explained_variance[0])
            varying = int((axes.explained_variance > least).sum())
            if varying < len(READ_OUT):
                raise ConfigError(
                    f"{teacher.path}: the means of {len(ids)} clips vary in {counted(varying, 'component')}, "
                    f"--targets-from linear reads {len(READ_OUT)}; make caches of more clips, or of another teacher"
                )
            deviations = np.sqrt(axes.explained_variance).astype(np.float32) + np.float32(1e-9)
            clips = ((means - axes.mean) @ axes.basis / deviations).astype(np.float64)
            return cls(teacher, field, shift, READ_OUT, clips, axes, deviations, hidden)
        name = CLIPS + VAD if CLIPS + VAD in teacher.clip_level_names else GLOBAL_MEAN + VAD
        clips = teacher.clip_table(name, ids).astype(np.float64)
        if not np.ptp(clips, axis=0).any():
            raise ConfigError(f"{teacher.path}: {name} is the same for every clip; there is nothing to learn")
        return cls(teacher, field, shift, VAD_DIMS, clips, None, one, hidden)

    def of_frames(self, clip_id: str) -> Float32Array:
        """Return (teacher's frames, dimensions): what it says of each frame."""
        if self.readout is not None:
            values = self.teacher.read_values(clip_id, self.field)
            return np.asarray((values - self.readout.mean) @ self.readout.basis / self.deviations)
        if self.dimensions:
            return np.asarray(self.teacher.read_values(clip_id, VAD))
        return np.empty((self.teacher.num_frames(clip_id), 0), np.float32)

    def components(self, clip_id: str) -> npt.NDArray[np.float16]:
        """Return (teacher's frames, components), divided by one number that makes their mean square 1."""
        if self.hidden is None:
            return np.empty((self.teacher.num_frames(clip_id), 0), np.float16)
        values = self.teacher.read_values(clip_id, self.field) - self.hidden.mean
        scale = np.sqrt(self.hidden.explained_variance.mean()) + 1e-9
        found = values @ self.hidden.basis / np.float32(scale)
        if not (np.abs(found) < LARGEST).all():
            raise ConfigError(
                f"{self.teacher.path}: frames of clip {clip_id} are {np.abs(found).max():.3g} times as large as "
                f"others, expected less than {LARGEST:,.0f} times; leave the clip out of one of the caches"
            )
        return found.astype(np.float16)


def _axes_of_frames(teacher: CacheReader, field: str, ids: list[str], count: int) -> Axes:
    moments = Moments(teacher.frame_fields[field].width)
    for at in np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MOST_CLIPS)).round().astype(int)):
        moments.add(teacher.read_values(ids[at], field).astype(np.float32))
    axes = moments.axes(count)
    if axes.total_variance <= ROUNDING * _square(axes.mean):
        raise ConfigError(
            f"{teacher.path}: {field} is the same in every frame; --hidden has nothing to learn"
        )
    return axes


def _square(values: Float32Array) -> float:
    return float(np.square(values, dtype=np.float64).sum())
