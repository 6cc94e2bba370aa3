"""The entry of a run: find the clips, see what is cached already, and extract the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.common.durable import check_writable
from cache.common.errors import RecipeMismatchError
from cache.common.progress import OnProgress, Progress
from cache.common.storage.url_path import place
from cache.format import catalog
from cache.writer import CacheWriter
from extract.audio.header_log import HeaderLog
from extract.encoders.base import Encoder, UnloadedEncoder
from extract.encoders.lookup import LoadedEncoder, find_encoder
from extract.errors import EncoderError
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.run.engines.local import run_locally
from extract.run.engines.ray_engine import RayRun, run_on_ray
from extract.run.opening import open_writer, with_cached_precision, with_cached_rules
from extract.run.progress import RunMeter
from extract.run.run_plan import RunPlan, plan_run
from extract.run.sound_run import SoundRun
from extract.run.stopping import StopRequest
from extract.run.summary import Summary, summarise
from extract.sources.find import find_all


def extract(
    source: Path | str | Sequence[Path | str],
    out: Path | str,
    options: ExtractOptions | None = None,
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Extract every clip of ``source`` that the cache ``out`` does not hold yet.

    The encoder is described by its files first, and loaded only when there is something to extract.

    Args:
        source: folder, manifest, or table of ids; or several of them.
        out: folder of the cache; made when missing, continued when it holds the same recipe.
        options: see ``ExtractOptions``.
        encoder: use this one instead of the one that ``options.encoder`` names.
        progress: where progress is shown.

    Returns:
        A summary; failed clips are listed in it and in the cache's ledger, never invented.

    Raises:
        EmiError: the source, the encoder or the folder cannot be used; one readable line.
    """
    out, options = place(out), options or ExtractOptions()
    paths = [place(source)] if isinstance(source, str | Path) else [place(part) for part in source]
    clips = find_all(paths, options.media).with_audio_stream(options.audio_stream)
    check_writable(out)
    options = with_cached_rules(with_cached_precision(options, out), out)
    model = _find(options, encoder)
    if not (out / catalog.DESCRIPTION).exists():  # no cache is begun with an encoder that cannot be loaded
        model = _tried(model, options)
    try:
        writer = open_writer(out, options, model)
    except RecipeMismatchError:
        model.load()  # weights that do not fit their own config are the nearer reason
        raise
    with (
        StopRequest(options.grace, options.max_minutes) as stop,
        RunMeter(progress or Progress(), options.log_file) as meter,
    ):
        meter.log(f"extract {', '.join(map(str, paths))} into {out}: {len(clips.clips)} clips")
        plan = plan_run(clips, model, writer, options, _watched(meter, stop))
        for failure in clips.failures:
            writer.fail(failure)
            meter.failed(failure)
        if plan.shards:
            meter.start(plan.num_clips)
            _run(plan, model, writer, options, (stop, meter))
        if not stop.requested and options.part == (1, 1) and options.limit is None:
            HeaderLog(writer.path, options.rules).remove()
        summary = summarise(plan, writer, options, meter, stopped=stop.requested)
        meter.log(f"stopped: {summary.stopped}, {len(summary.failures)} failed")
    return summary


def _find(options: ExtractOptions, encoder: Encoder | None) -> UnloadedEncoder:
    if encoder is None:
        return find_encoder(options.encoder)
    if options.engine.engine != "local":
        raise EncoderError(
            f"--engine {options.engine.engine}: an encoder that is loaded works in its own process only; "
            "name one by options.encoder instead"
        )
    return LoadedEncoder(encoder)


def _tried(model: UnloadedEncoder, options: ExtractOptions) -> UnloadedEncoder:
    """Load an encoder to see whether that goes; it stays loaded only where it is to work."""
    if options.engine.engine == "ray":
        model.load("cpu")
        return model
    return LoadedEncoder(model.load(), model.devices())


def _run(
    plan: RunPlan,
    model: UnloadedEncoder,
    writer: CacheWriter,
    options: ExtractOptions,
    watch: tuple[StopRequest, RunMeter],
) -> None:
    """Do the shards by the engine that was asked for."""
    stop, meter = watch
    # The workers' own devices must not choose the precision: the cache has one by now.
    run = SoundRun(writer.path, with_cached_precision(options, writer.path))
    if options.engine.engine == "ray":
        run_on_ray(plan.shards, plan.clips, RayRun(run, stop, meter))
        return
    devices = model.devices()
    meter.log(f"{plan.num_clips} clips to extract on {', '.join(devices)}")
    context = RunContext(_load(model, devices[0]), writer, options, stop, meter)
    meter.start(plan.num_clips)
    run_locally(devices, plan.shards, plan.clips, context, run)


def _load(model: UnloadedEncoder, device: str) -> Encoder:
    """Load the encoder; the cache was opened for the recipe that its files gave."""
    encoder = model.load(device)
    if encoder.recipe != model.recipe:
        raise EncoderError(f"{model.recipe['model']}: its files changed while it was loaded; run again")
    return encoder


def _watched(meter: RunMeter, stop: StopRequest) -> OnProgress:
    """Return what shows the progress of the planning and ends it when a stop is asked for."""

    def on_progress(done: int, total: int) -> None:
        meter.planning(done, total)
        stop.check()

    return on_progress
