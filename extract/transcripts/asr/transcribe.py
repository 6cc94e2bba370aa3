"""The entry of transcribing: find the clips, see what was heard already, hear the rest, and write the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cache.commit.failures import Failure
from cache.commit.leftovers import remove_dead_tmp
from cache.common import durable
from cache.common.progress import Progress
from cache.format.recipe import Recipe
from extract.audio.decode import decode
from extract.errors import ClipError, ExtractError
from extract.run.engines.ray_engine import RayRun, run_on_ray
from extract.run.progress import RunMeter
from extract.run.shards.pipeline import run_shards
from extract.run.stopping import StopRequest
from extract.sources.clips import Source, SourceClip, source_stat
from extract.sources.find import find_all
from extract.transcripts.asr.mending import publish, read_existing, refuse_lost_zeros
from extract.transcripts.asr.model_files import find_asr
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.parts import Parts, Row, parts_of, plan_parts
from extract.transcripts.asr.recogniser import Recogniser, device_of, precision, recipe_of_asr
from extract.transcripts.asr.transcribe_run import TranscribeRun
from extract.transcripts.asr.work import ClipAgain, TranscribeWork
from extract.transcripts.table import read_recipe, recipe_path, require_same_recipe
from extract.transcripts.transcript import has_speech


@dataclass(frozen=True)
class TranscribeSummary:
    """What a run of transcribing did.

    Attributes:
        out: the table.
        clips: of the source.
        heard: by this run.
        before: clips of the source that the table had before.
        no_speech: clips of the source in which nobody says a word.
        mended: rows of the table whose text somebody changed.
        touched: clips whose file or segment is another one than when they were heard, and not heard again.
        failures: clips of the source that could not be heard, with reasons.
        hours: of sound, heard by this run.
        seconds: wall clock of the run.
        stopped: whether a signal ended the run early.
        notes: what else to know.
    """

    out: Path
    clips: int
    heard: int
    before: int
    no_speech: tuple[str, ...]
    mended: int
    touched: int
    failures: tuple[Failure, ...]
    hours: float
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()


def transcribe(
    sources: Sequence[Path],
    out: Path,
    options: TranscribeOptions,
    *,
    progress: Progress | None = None,
) -> TranscribeSummary:
    """Transcribe every clip of ``sources`` that the table ``out`` does not have yet.

    Args:
        sources: folders, manifests, or tables of ids.
        out: CSV; made when missing, continued when it was made in the same way. Beside it lie a table of words,
            how it was made, and a folder with what was heard shard by shard.
        options: see ``TranscribeOptions``.
        progress: where progress is shown.

    Raises:
        EmiError: the source, the recogniser or the table cannot be used; one readable line.
    """
    if out.suffix.lower() != ".csv":
        raise ExtractError(f"--out {out}: expected the name of a table, such as transcripts.csv")
    clips = find_all(sources, options.media).with_audio_stream(options.audio_stream)
    options = _with_known_precision(out, options)
    parts, recogniser = _open(out, options)
    existing = read_existing(out)
    with (
        StopRequest(options.grace, options.max_minutes) as stop,
        RunMeter(progress or Progress(), options.log_file, verb="transcribe") as meter,
    ):
        meter.log(f"transcribe {', '.join(map(str, sources))} into {out}: {len(clips.clips)} clips")
        for failure in clips.failures:
            parts.fail(failure)
            meter.failed(failure)
        heard = parts.rows()
        refuse_lost_zeros(out, existing, heard)
        by_id = {clip.clip_id: clip for clip in clips.clips}
        touched = {i for i in by_id.keys() & heard.keys() if _is_touched(by_id[i], heard[i][-1])}
        again = _changed(touched, by_id, heard, options) if options.update else set()
        todo = (by_id.keys() - heard.keys() - existing.rows.keys()) | again
        if todo:
            meter.start(len(todo))
            generations = {clip_id: heard[clip_id][-1].generation + 1 for clip_id in again}
            to_hear = by_id | {i: ClipAgain.of(by_id[i], number) for i, number in generations.items()}
            shards = plan_parts(todo, generations, options.shard_clips)
            if options.engine.engine == "ray":
                run_on_ray(shards, to_hear, RayRun(TranscribeRun(out, options), stop, meter))
            else:
                run_shards(shards, to_hear, TranscribeWork(recogniser(), parts, options, stop, meter))
        _, mended = publish(out, parts.rows())
        before = by_id.keys() & (heard.keys() | existing.rows.keys())
        summary = _summary(clips, out, parts, meter, again - meter.clip_ids)
        return replace(
            summary,
            before=len(before),
            mended=mended,
            touched=0 if options.update else len(touched),
            stopped=stop.requested and bool(todo - meter.clip_ids - {f.clip_id for f in summary.failures}),
        )


def _with_known_precision(out: Path, options: TranscribeOptions) -> TranscribeOptions:
    """``auto`` goes on in the precision a table was begun with, whatever device a worker has."""
    if options.precision != "auto":
        return options
    known = read_recipe(out) or {}
    begun = str(known.get("precision", precision(options.precision, _device_of(options))))
    return replace(options, precision=begun)


def _device_of(options: TranscribeOptions) -> str:
    """Return where clips are heard: here, or where the workers of a cluster are to hear them."""
    gpus = options.engine.gpus_per_worker
    return device_of(options.device) if gpus is None else "cuda" if gpus else "cpu"


def _open(out: Path, options: TranscribeOptions) -> tuple[Parts, Callable[[], Recogniser]]:
    """Return the parts of a table that is begun or continued, and what loads the recogniser here."""
    files, device = find_asr(options.asr, options.revision), _device_of(options)
    recipe = Recipe(recipe_of_asr(files, options, device))

    @cache
    def load() -> Recogniser:
        if (
            options.engine.engine == "ray"
        ):  # to see whether it can be loaded: this machine need not be as others
            return Recogniser(files, {**recipe, "precision": "auto"}, options.language, "cpu")
        return Recogniser(files, recipe, options.language, device)

    if read_recipe(out) is None:
        if out.exists():
            read_existing(out)
        load()  # no table is begun with a recogniser that cannot be loaded
        durable.check_writable(out.parent)
        with durable.storage_errors(out):
            durable.make_folder(out.absolute().parent)
        durable.write_once(recipe_path(out), (json.dumps(recipe, indent=2) + "\n").encode())
    require_same_recipe(out, recipe)
    remove_dead_tmp(out.parent, out.parent, prefix=out.stem + ".")  # of a run that was killed over the table
    return Parts(parts_of(out)), load


def _is_touched(clip: SourceClip, row: Row) -> bool:
    stat = source_stat(clip.path)
    return stat is not None and (*stat, clip.start, clip.end) != row.stat


def _changed(
    touched: Collection[str],
    clips: Mapping[str, SourceClip],
    heard: Mapping[str, Sequence[Row]],
    options: TranscribeOptions,
) -> set[str]:
    """Return those of the touched clips that sound different now; one that cannot be read is among them."""
    changed = set()
    for clip_id in touched:
        try:
            if decode(clips[clip_id], options.max_seconds).sha256 == heard[clip_id][-1].audio_sha256:
                continue
        except ClipError:
            pass
        changed.add(clip_id)
    return changed


def _summary(
    clips: Source, out: Path, parts: Parts, meter: RunMeter, stale: Collection[str]
) -> TranscribeSummary:
    """Put the run's counts together; ``stale`` are clips whose rows tell of a sound that is there no more."""
    rows = read_existing(out).rows
    ids = {clip.clip_id for clip in clips.clips} | {failure.clip_id for failure in clips.failures}
    return TranscribeSummary(
        out=out,
        clips=len(ids),
        heard=len(meter.clip_ids),
        before=0,
        no_speech=tuple(i for i in sorted(rows.keys() & ids) if not has_speech(rows[i].get("text", ""))),
        mended=0,
        touched=0,
        failures=tuple(failure for failure in parts.failures(rows.keys() - stale) if failure.clip_id in ids),
        hours=meter.seconds_of_sound / 3600,
        seconds=meter.seconds,
        stopped=False,
        notes=tuple(meter.notes),
    )
