"""Predictions of a finished head for exactly the clips asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.ids import KnownIds, nearly_matching
from cache.common.words import counted
from train.errors import LabelError, RunError
from train.features.batches import Features, load_features
from train.features.components import with_components
from train.features.inputs import require_inputs
from train.features.standardise import by_speaker
from train.features.streams import ABSENT, AnyFeatures, StreamFeatures
from train.heads.streams_head import StreamsHead
from train.labels.coverage import opened
from train.machine import choose_device, deterministic
from train.runs.forward import apply_head
from train.runs.precision import require_precision
from train.runs.recipe_match import Side, as_trained, checked_recipe
from train.runs.run_folder import Run
from train.streams.settings import TOKEN
from train.streams.stream_set import Caches, Source, readers_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SHOWN = 10  # ids named in an error


@dataclass(frozen=True)
class Predictions:
    """Intensities of some clips.

    Attributes:
        clip_ids: (clips,) in the order asked for.
        values: (clips, targets) float64, unclipped.
        names: of the targets.
        filled: ids that the cache does not hold and that got the training mean.
        recipe_diff: how the cache's recipe differs from the one the head was trained on.
        unlearned: stream → how many clips it lacks, where the values that stand in were never learned.
    """

    clip_ids: tuple[str, ...]
    values: FloatArray
    names: tuple[str, ...]
    filled: tuple[str, ...]
    recipe_diff: tuple[str, ...]
    unlearned: Mapping[str, int] = field(default_factory=dict)


def predict(
    run: Run,
    cache: Caches,
    clip_ids: Sequence[str] | None = None,
    *,
    missing: str = "error",
    allow_recipe_diff: bool = False,
    device: str = "auto",
    speakers: Mapping[str, str | None] | None = None,
) -> Predictions:
    """Predict the intensities of exactly the clips asked for, in their order.

    Args:
        run: a finished run.
        cache: with the recipe that the run was trained on; for a compact one, also the full cache that it
            was made from: the projection that lies in the run is applied; of several streams, those by name.
        clip_ids: as ``KnownIds`` finds them; default: every clip of the cache.
        missing: "error", or "train-mean" to fill clips that the cache does not hold.
        allow_recipe_diff: go on when the cache's recipe differs, and record how.
        device: "auto", "cpu", "cuda" or "cuda:N".
        speakers: clip id → speaker, for a head with ``standardise="speaker"``: each clip is standardised by all
            clips that the cache holds of its speaker.

    Raises:
        LabelError: if the cache does not hold a clip, or a speaker is needed and not known.
        RunError: if the cache's recipe differs from the one the head was trained on, or what the head predicts
            is not finite.
        ConfigError: if the cache has not the fields that the head needs, or the device not its precision.
    """
    with opened(cache, run.config.missing) as reader:
        sources = require_streams(run, reader)
        diff = tuple(
            line
            for name, side in run.sides.items()
            for line in checked_recipe(side, sources[name], allow_recipe_diff)
        )
        wanted = reader.clip_ids if clip_ids is None else _ids_in(reader, clip_ids)
        present = np.array([_holds(run, sources, clip_id) for clip_id in wanted], dtype=np.bool_)
        absent = tuple(clip_id for clip_id, there in zip(wanted, present, strict=True) if not there)
        if absent and missing != "train-mean":
            raise LabelError(_absent_text(run, reader, absent, len(wanted)))
        values = np.tile(run.targets.mean, (len(wanted), 1))
        here = [clip_id for clip_id, there in zip(wanted, present, strict=True) if there]
        if here:
            values[present] = _mean_of_members(run, sources, _Clips(here, speakers), device)
    return Predictions(wanted, values, run.targets.names, absent, diff, _unlearned(run, sources, here))


def require_streams(run: Run, reader: Source) -> dict[str, CacheReader]:
    """Return the caches of a run's streams by name; of a run of one cache that cache, without a name.

    Raises:
        RunError: if they are not the streams that the run has.
    """
    found, wanted = readers_of(reader), run.sides
    if found.keys() != wanted.keys():
        given = ", ".join(found) if "" not in found else "one cache without a name"
        asked = (
            " ".join(f"{name}=CACHE" for name in wanted) if "" not in wanted else "one CACHE without a name"
        )
        raise RunError(f"{reader.path}: found {given}, the head of {run.path} takes others; give {asked}")
    return found


def _holds(run: Run, sources: Mapping[str, CacheReader], clip_id: str) -> bool:
    """Whether a head can predict a clip: all streams hold it or, where learned values stand in, one of them."""
    holds = [clip_id in reader for reader in sources.values()]
    return any(holds) if run.config.missing == TOKEN else all(holds)


def _unlearned(run: Run, sources: Mapping[str, CacheReader], clip_ids: Sequence[str]) -> dict[str, int]:
    """Return of each stream how many clips it lacks, where what stands in for it was never learned."""
    lacking = {name: sum(clip not in reader for clip in clip_ids) for name, reader in sources.items()}
    heads = [each.head for each in (run, *run.others) if isinstance(each.head, StreamsHead)]
    return {
        name: count
        for name, count in lacking.items()
        if count and not all(head.is_learned(name) for head in heads)
    }


class _Clips(NamedTuple):
    """The clips to predict, and the speakers of these and other clips where they are known."""

    clip_ids: list[str]
    speakers: Mapping[str, str | None] | None

    def features(self, run: Run, sources: Mapping[str, CacheReader]) -> tuple[AnyFeatures, IntArray]:
        """Return the features that a head takes, and where the clips to predict are among them."""
        if not isinstance(run.head, StreamsHead):
            return self._of_side(run.sides[""], sources[""])
        streams, at = {}, {}
        for name, side in run.sides.items():
            here = np.array([clip in sources[name] for clip in self.clip_ids], dtype=np.bool_)
            mine = self._replace(
                clip_ids=[clip for clip, there in zip(self.clip_ids, here, strict=True) if there]
            )
            at[name] = np.full(len(here), ABSENT, dtype=np.int64)
            streams[name], at[name][here] = mine._of_side(side, sources[name], run.head.takes_frames)
        return StreamFeatures(tuple(self.clip_ids), streams, at), np.arange(len(self.clip_ids))

    def _of_side(
        self, side: Side, reader: CacheReader, frames_too: bool = False
    ) -> tuple[Features, IntArray]:
        """Return the same of one cache, or of one stream, which holds all of the clips."""
        if side.config.standardise != "speaker":
            return _taken(side, reader, self.clip_ids, frames_too), np.arange(len(self.clip_ids))
        if self.speakers is None:
            raise LabelError(
                f"{side.path}: its inputs are standardised by speaker, and no speakers are given; name those of "
                "all clips with --speakers"
            )
        ids = KnownIds(reader.clip_ids)
        named = {ids.find(text): speaker for text, speaker in self.speakers.items()}
        known = {clip: named.get(clip) for clip in reader.clip_ids}
        nobody = [clip for clip in self.clip_ids if known[clip] is None]
        if nobody:
            raise LabelError(
                f"{side.path}: its inputs are standardised by speaker, and no speaker is known of "
                f"{counted(len(nobody), 'clip')}: {', '.join(nobody[:SHOWN])}; complete the --speakers table"
            )
        wanted = {known[clip] for clip in self.clip_ids}
        chosen = [clip for clip in reader.clip_ids if known[clip] in wanted]
        features = by_speaker(_taken(side, reader, chosen, frames_too), [known[clip] for clip in chosen])
        at = {clip: number for number, clip in enumerate(chosen)}
        return features, np.array([at[clip] for clip in self.clip_ids], dtype=np.int64)


def _taken(side: Side, reader: CacheReader, clip_ids: Sequence[str], frames_too: bool) -> Features:
    """Return the features of some clips with the components that a head holds, where it holds any."""
    features = load_features(reader, clip_ids, side.config, frames_too=frames_too)
    if side.inputs.shape.components:
        features = with_components(features, side.inputs.components)
    return features


def _ids_in(reader: Source, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the cache's ids of the clips that are asked for; what it does not hold stays as it is written."""
    known = KnownIds(reader.clip_ids)
    return tuple(known.find(text) or text for text in texts)


def _absent_text(run: Run, reader: Source, absent: Sequence[str], total: int) -> str:
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    where = "the cache"
    if run.streams:
        where = "any stream" if run.config.missing == TOKEN else "every stream"
    unknown = [clip_id for clip_id in absent if clip_id not in reader]
    return (
        f"{reader.path}: {len(absent)} of the {total} clips asked for are not in {where}: "
        f"{', '.join(absent[:SHOWN])}{more}; extract them, or fill them with predict --missing train-mean"
        f"{nearly_matching(unknown, reader.clip_ids)}"
    )


def _mean_of_members(run: Run, sources: Mapping[str, CacheReader], clips: _Clips, device: str) -> FloatArray:
    """Return the mean output (clips, targets) of a run's head and of the others of its ensemble."""
    with ExitStack() as stack:
        seen = {
            name: stack.enter_context(as_trained(side, sources[name])) for name, side in run.sides.items()
        }
        members = [_output(each, seen, clips, device) for each in (run, *run.others)]
    return np.asarray(np.mean(members, axis=0), dtype=np.float64)


def _output(run: Run, sources: Mapping[str, CacheReader], clips: _Clips, device: str) -> FloatArray:
    """Return one head's output (clips, targets)."""
    where = choose_device(device)
    for name, side in run.sides.items():
        shape = side.inputs.shape
        require_inputs(sources[name], side.layer, side.config.vad, shape.given_width, run.path)
        require_precision(side.config, shape.width, where)
    features, positions = clips.features(run, sources)
    with deterministic(where):
        values = apply_head(run.head.to(where), features, positions, run.config)
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise RunError(
            f"{run.path}: predicts what is not finite for {counted(len(bad), 'clip')} "
            f"({clips.clip_ids[bad[0]]}, …); "
            "look at the head's training (--lr, --precision float32) and at these clips of the cache"
        )
    return values
