"""Checks a machine before clips → extract → cache runs on it all night: decoders, encoder, target folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cache.common import durable
from cache.common.console import counted
from cache.common.cores import available_cores
from cache.common.durable import check_writable
from cache.common.errors import EmiError, NotACacheError
from cache.format import catalog
from cache.format.schema import SAMPLING_RATE
from extract.audio.decode import decode
from extract.encoders import LOGMEL, device_names, load_encoder
from extract.encoders.base import Encoder
from extract.options import ExtractOptions
from extract.preflight.encoder_checks import FAILED, OK, TONE, WARNING, Check, Samples, encoder_checks, tone
from extract.sources.clips import SourceClip

LIBRARIES = ("numpy", "soundfile", "av", "soxr")
ENCODER_LIBRARIES = ("torch", "transformers", "safetensors")
FREE_GIGABYTES = 5.0


def examine(options: ExtractOptions, out: Path | None = None) -> list[Check]:
    """Check this machine.

    Args:
        options: as for a run; the encoder is loaded on its first device.
        out: folder of the cache, if that is to be checked.
    """
    checks = [_libraries(options.encoder.model), _machine(), *_decoders()]
    try:
        devices = device_names(options.encoder)
        exact = replace(options.encoder, device=devices[0], precision="float32")
        encoder = load_encoder(exact)
    except EmiError as error:
        checks.append(
            Check("encoder", FAILED, str(error), "pass --model, or get it where there is a network")
        )
        return [*checks, *(_folder(out, options, None) if out is not None else ())]
    checks.append(Check("encoder", OK, f"{encoder.recipe['model']}: every weight is there, no other"))
    checks += encoder_checks(encoder, options, devices[0])
    if out is not None:
        checks += _folder(out, options, encoder)
    return checks


def _libraries(model: str) -> Check:
    found, missing = [], []
    for name in LIBRARIES if model == LOGMEL else (*LIBRARIES, *ENCODER_LIBRARIES):
        try:
            found.append(f"{name} {import_module(name).__version__}")
        except ImportError:
            missing.append(name)
    if missing:
        advice = "pip install 'emi-fusion[extract]'"
        return Check("libraries", FAILED, f"missing: {', '.join(missing)}", advice)
    return Check("libraries", OK, f"Python {sys.version.split()[0]}, {', '.join(found)}")


def _machine() -> Check:
    try:
        import torch
    except ImportError:
        return Check("machine", OK, "no torch: enough for --model logmel")
    cores = available_cores()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    found = f"{cores} cores, {torch.get_num_threads()} torch threads, CUDA: {', '.join(gpus) or 'none'}"
    if gpus:
        return Check("machine", OK, found)
    return Check("machine", WARNING, found, "on a CPU the full encoder runs at a few times real time")


def _decoders() -> Iterator[Check]:
    """Write a tone in several containers and read it back."""
    writers: dict[str, Callable[[Path, Samples], None]] = {
        "wav": _write_soundfile, "flac": _write_soundfile, "ogg": _write_soundfile, "mp3": _write_soundfile,
        "mp4": _write_av, "webm": _write_av,
    }  # fmt: skip
    sound, bad = tone(2.0), []
    with tempfile.TemporaryDirectory() as scratch:
        for suffix, write in writers.items():
            path = Path(scratch, f"tone.{suffix}")
            try:
                write(path, sound)
                heard = decode(SourceClip("tone", path, path.name), 12.0).samples
            except (EmiError, OSError, RuntimeError, ValueError) as error:
                bad.append(f"{suffix} ({str(error).splitlines()[0]})")
                continue
            spectrum = np.abs(np.fft.rfft(heard[:SAMPLING_RATE]))
            if abs(len(heard) - len(sound)) > SAMPLING_RATE / 5 or abs(int(spectrum.argmax()) - TONE) > 2:
                bad.append(f"{suffix} (another sound came back)")
    if bad:
        yield Check(
            "decoders", FAILED, ", ".join(bad), "reinstall soundfile and av: pip install --force-reinstall"
        )
    else:
        yield Check("decoders", OK, f"{', '.join(writers)} give back what was written")


def _write_soundfile(path: Path, sound: Samples) -> None:
    import soundfile

    soundfile.write(path, sound, SAMPLING_RATE)


def _write_av(path: Path, sound: Samples) -> None:
    import av

    with av.open(str(path), "w") as container:
        codec, kind = ("libopus", "flt") if path.suffix == ".webm" else ("aac", "fltp")
        track: Any = container.add_stream(codec, rate=SAMPLING_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], kind, "mono")
        frame.sample_rate, frame.pts = SAMPLING_RATE, 0
        container.mux(track.encode(frame))
        container.mux(track.encode())


def _folder(out: Path, options: ExtractOptions, encoder: Encoder | None) -> Iterator[Check]:
    try:
        check_writable(out)
    except EmiError as error:
        yield Check("target folder", FAILED, str(error), "choose another --out")
        return
    place = out
    while not place.exists():
        place = place.parent
    yield _links(place)
    free = shutil.disk_usage(place).free / 1e9
    low = free < FREE_GIGABYTES
    advice = "emi-extract plan says how much will be written" if low else ""
    yield Check("space", WARNING if low else OK, f"{free:.1f} GB free in {place}", advice)
    if encoder is not None:
        yield _recipe(out, options, encoder)


def _links(place: Path) -> Check:
    """Shards are published by hard links and leases by exclusive names: both must work in the folder."""
    probe, name = durable.tmp_path(place / "probe"), durable.tmp_path(place / "name")
    try:
        durable.write_durable(probe, b"")
        os.link(probe, name)
        durable.fsync_folder(place)
        try:
            os.link(probe, name)
            return Check(
                "links", FAILED, f"{place}: an existing name was overwritten", "use another file system"
            )
        except FileExistsError:
            return Check("links", OK, f"{place}: writes, hard links, exclusive names and fsync work")
    except OSError as error:
        advice = "it works, but do not run two writers at once here"
        return Check("links", WARNING, f"{place}: no hard links ({error.strerror})", advice)
    finally:
        probe.unlink(missing_ok=True)
        name.unlink(missing_ok=True)


def _recipe(out: Path, options: ExtractOptions, encoder: Encoder) -> Check:
    try:
        cached = catalog.read_description(out).recipe
    except NotACacheError:
        return Check("recipe", OK, f"{out}: no cache yet; a run makes one")
    wanted = options.recipe(encoder) | {"precision": cached.precision}
    lines = cached.differences(wanted)
    if lines:
        advice = "choose another --out, or the options the cache was made with"
        return Check("recipe", FAILED, f"{out} was made with another recipe: {'; '.join(lines)}", advice)
    return Check("recipe", OK, f"{out} holds the same recipe and can be continued")


def as_text(checks: Sequence[Check]) -> str:
    """Return the checks as a table for a terminal."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.name:{width}}  {check.state:7}  {check.found}")
        if check.advice and check.state != OK:
            lines.append(f"{'':{width}}  {'':7}  → {check.advice}")
    failed, warned = (sum(check.state == state for check in checks) for state in (FAILED, WARNING))
    lines.append(f"{counted(len(checks), 'check')}, {failed} failed, {counted(warned, 'warning')}")
    return "\n".join(lines)
