"""The entry of a run from transcripts to a cache: find them, see what is cached already, and encode the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cache.commit.failures import Failure, read_failures
from cache.common.durable import check_writable
from cache.common.errors import NotACacheError
from cache.common.progress import Progress
from cache.format import catalog, schema
from cache.reader import CacheReader
from cache.writer import CacheWriter
from extract.run.engines.ray_engine import RayRun, run_on_ray
from extract.run.progress import RunMeter
from extract.run.run_plan import known_frames
from extract.run.shards.pipeline import run_shards
from extract.run.stopping import StopRequest
from extract.text.describe import TextModel, describe
from extract.text.options import TextOptions
from extract.text.text_run import TextRun, open_text_writer
from extract.text.work import TextWork
from extract.transcripts.forms.find import Transcripts, find_transcripts
from extract.transcripts.transcript import Transcript


@dataclass(frozen=True)
class TextSummary:
    """What a run from transcripts to a cache did.

    Attributes:
        out: the cache.
        clips: of the source, with and without speech.
        encoded: committed by this run.
        cached: clips of the source in the cache now.
        no_speech: clips whose transcript is empty or only punctuation: they have no text, and that is a fact.
        emptied: of them, those that are in the cache still, from a time when their transcript said something.
        updated: clips that were encoded again since their transcript had changed.
        touched: cached clips whose transcript has changed, and that were not encoded again.
        failures: clips of the source that are not in the cache, with reasons.
        seconds: wall clock of the run.
        stopped: whether a signal ended the run early.
        notes: what else to know.
    """

    out: Path
    clips: int
    encoded: int
    cached: int
    no_speech: tuple[str, ...]
    emptied: tuple[str, ...]
    updated: int
    touched: int
    failures: tuple[Failure, ...]
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()


def encode_text(
    sources: Sequence[Path], out: Path, options: TextOptions, *, progress: Progress | None = None
) -> TextSummary:
    """Encode every transcript of ``sources`` that the cache ``out`` does not hold yet.

    Args:
        sources: tables of transcripts, folders of them, or single files.
        out: folder of the cache; made when missing, continued when it holds the same recipe.
        options: see ``TextOptions``.
        progress: where progress is shown.

    Raises:
        EmiError: the source, the encoder or the folder cannot be used; one readable line.
    """
    found = find_transcripts(sources, options.words)
    check_writable(out)
    model = describe(_on_workers(_with_cached_precision(options, out)), found.recipe)
    spoken = {each.clip_id: each for each in found.all if each.has_speech}
    if not (out / catalog.DESCRIPTION).exists():
        model.load()  # no cache is begun with an encoder that cannot be loaded
    writer = open_text_writer(out, options, model)
    with (
        StopRequest(options.grace, options.max_minutes) as stop,
        RunMeter(progress or Progress(), options.log_file, verb="text") as meter,
    ):
        meter.log(f"text {', '.join(map(str, sources))} into {out}: {len(spoken)} transcripts")
        for failure in found.failures:
            writer.fail(failure)
            meter.failed(failure)
        changed = _changed(out, spoken)
        again = changed if options.update else []
        frames = _planned(writer, spoken, model)
        shards = writer.plan(frames, replace=again)
        if shards:
            meter.start(sum(len(shard.planned) for shard in shards))
            if options.engine.engine == "ray":
                # The workers' own devices must not choose the precision: the cache has one by now.
                run = TextRun(writer.path, _with_cached_precision(options, out), found.recipe)
                run_on_ray(shards, spoken, RayRun(run, stop, meter))
            else:
                work = TextWork(model.load(), model.tokenizer, writer, options.batch_tokens, stop, meter)
                run_shards(shards, spoken, work)
        summary = _summary(out, found, meter, changed, again)
        planned = {clip_id for shard in shards for clip_id in shard.planned}
        left = planned - meter.clip_ids - {failure.clip_id for failure in summary.failures}
        return replace(summary, stopped=stop.requested and bool(left))


def _with_cached_precision(options: TextOptions, out: Path) -> TextOptions:
    """``auto`` continues a cache in the precision it was begun with, on whatever device."""
    if options.precision == "auto":
        with suppress(NotACacheError):
            return replace(options, precision=catalog.read_description(out).recipe.precision or "auto")
    return options


def _on_workers(options: TextOptions) -> TextOptions:
    """A new cache has the precision of the GPUs that its workers are to have: this machine may have none."""
    if options.engine.engine != "ray":
        return options
    auto = "float16" if options.engine.gpus_per_worker else "auto"
    precision = auto if options.precision == "auto" else options.precision
    device = options.device if options.engine.gpus_per_worker is None else "cpu"
    return replace(options, precision=precision, device=device)


def _planned(writer: CacheWriter, spoken: Mapping[str, Transcript], model: TextModel) -> dict[str, int]:
    """Return clip id → expected tokens: as planned at first where it was."""
    records = [*catalog.read_records(writer.path), *catalog.read_set_aside(writer.path)]
    known = known_frames(records)
    return {
        clip_id: known.get(clip_id) or model.tokenizer.tokens(transcript).num_tokens
        for clip_id, transcript in spoken.items()
    }


def _changed(out: Path, spoken: Mapping[str, Transcript]) -> list[str]:
    """Return the cached clips whose transcript is another one than when they were encoded."""
    cached = catalog.effective(catalog.read_records(out)).keys()
    here = [clip_id for clip_id in spoken if clip_id in cached]
    if not here:
        return []
    with CacheReader(out) as reader:
        known = reader.clip_table(schema.CLIPS + "audio_sha256", here)
    return [clip_id for clip_id, sha256 in zip(here, known, strict=True) if spoken[clip_id].sha256 != sha256]


def _summary(
    out: Path, found: Transcripts, meter: RunMeter, changed: Sequence[str], again: Sequence[str]
) -> TextSummary:
    cached = catalog.effective(catalog.read_records(out)).keys()
    ids = {each.clip_id for each in found.all} | {failure.clip_id for failure in found.failures}
    silent = sorted(each.clip_id for each in found.all if not each.has_speech)
    stale = set(again) - meter.clip_ids
    return TextSummary(
        out=out,
        clips=len(ids),
        encoded=len(meter.clip_ids),
        cached=len(cached & ids),
        no_speech=tuple(silent),
        emptied=tuple(clip_id for clip_id in silent if clip_id in cached),
        updated=len(meter.clip_ids & set(again)),
        touched=len(set(changed) - set(again)),
        failures=tuple(f for f in read_failures(out, cached - stale) if f.clip_id in ids - set(silent)),
        seconds=meter.seconds,
        stopped=False,
        notes=(*found.notes, *meter.notes),
    )
