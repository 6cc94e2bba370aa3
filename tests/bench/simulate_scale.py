"""A cache of very many clips, made without an encoder: what opening, planning and one more shard cost.

python tests/bench/simulate_scale.py [--clips 1000000] [--clips-per-shard 50] [--folder DIR] [--keep]
    makes the cache (some gigabytes, removed afterwards) and measures each step in a process of its own

``scale_on_paper.py`` says what larger caches need.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

FRAMES = 10
SAMPLES = 400 + (FRAMES - 1) * 320
LINKS = 30_000  # names that one file may have; file systems bound them
STEPS = ("open", "plan", "commit")


def ids(count: int) -> list[str]:
    """Return clip ids as people have them: a folder, a number."""
    return [f"part-{number // 1000:05}/clip-{number:08}" for number in range(count)]


def options(model: str = "logmel"):
    """Return the options and the encoder of the run that the cache is to be of."""
    from extract.encoders.base import EncoderOptions
    from extract.encoders.lookup import find_encoder
    from extract.options import ExtractOptions

    chosen = ExtractOptions(EncoderOptions(model), max_seconds=12.0)
    return chosen, find_encoder(chosen.encoder)


def make_media(folder: Path, names: list[str]) -> None:
    """Make the sound files, thousands of names to a file, and the manifest."""
    import numpy as np
    import soundfile

    with (folder / "clips.csv").open("w") as table:
        table.write("clip_id,path\n")
        for number, name in enumerate(names):
            path = folder / "media" / f"{name}.wav"
            if number % 1000 == 0:
                path.parent.mkdir(parents=True)
            if number % LINKS == 0:
                base = folder / f"{number}.wav"
                soundfile.write(base, np.full(SAMPLES, 0.1, np.float32), 16_000)
            os.link(base, path)
            table.write(f"{name},media/{name}.wav\n")


def make_shards(folder: Path, names: list[str], per_shard: int) -> None:
    """Commit one shard, and give its file to all others: what is measured reads records, and rows alike in all.

    A real run would take hours for its encoder; the records are those that it would have written, byte by byte.
    """
    import numpy as np

    from cache import CacheWriter, ClipFeatures
    from cache.format.record import SourceStat

    chosen, encoder = options()
    [field] = encoder.fields
    shard_mb = per_shard * FRAMES * field.bytes_per_frame / 1e6
    writer = CacheWriter.open(folder / "cache", chosen.recipe(encoder), [field], shard_mb=shard_mb)
    frames = np.linspace(0, 1, FRAMES * field.width, dtype=np.float32).reshape(FRAMES, -1)
    stored, mean = frames.astype(field.dtype), frames.mean(axis=0)
    plans = writer.plan(dict.fromkeys(names, FRAMES))
    clips = [
        ClipFeatures(clip_id, {field.name: stored}, {field.name: mean}, SAMPLES, -20.0, "0" * 64, {})
        for clip_id in plans[0].planned
    ]
    first = writer.commit(clips, plans[0])
    assert first is not None
    shards = folder / "cache" / "shards"
    for plan in reversed(plans):  # the first last: its record becomes like the others
        assert len(plan.planned) == len(first.clip_ids), "choose a number of clips that fills the shards"
        sources = {}
        for clip_id in plan.planned:
            stat = os.stat(folder / f"media/{clip_id}.wav")
            sources[clip_id] = SourceStat(f"media/{clip_id}.wav", stat.st_size, stat.st_mtime_ns)
        content = replace(first.content, planned=plan.planned, plan_id=plan.plan_id, sources=sources)
        record = replace(
            first, name=plan.name, file=f"{plan.name}.h5", clip_ids=tuple(plan.planned), content=content
        )
        if plan is not plans[0]:
            os.link(shards / first.file, shards / record.file)
        (shards / f"{plan.name}.json").write_bytes(record.to_bytes())


def measure_open(folder: Path) -> dict[str, float]:
    """Open the cache and read the first clip and the last."""
    from cache import CacheReader

    begun = time.perf_counter()
    reader = CacheReader(folder / "cache")
    opened = time.perf_counter() - begun
    first, last = reader.clip_ids[0], reader.clip_ids[-1]
    assert reader[first].frames["logmel"].shape == reader[last].frames["logmel"].shape == (FRAMES, 81)
    return {
        "clips": len(reader),
        "open_seconds": opened,
        "first_clips_seconds": time.perf_counter() - begun - opened,
    }


def measure_plan(folder: Path) -> dict[str, float]:
    """Plan a run over all clips, of which some are new."""
    from cache.common.progress import silent
    from extract.run.opening import open_writer
    from extract.run.run_plan import plan_run
    from extract.sources.find import find_all

    chosen, encoder = options()
    begun = time.perf_counter()
    source = find_all([folder / "clips.csv"])
    found = time.perf_counter() - begun
    writer = open_writer(folder / "cache", chosen, encoder)
    plan = plan_run(source, encoder, writer, chosen, silent)
    planned = time.perf_counter() - begun - found
    return {
        "to_do": plan.num_clips,
        "touched": len(plan.touched),
        "find_seconds": found,
        "plan_seconds": planned,
    }


def clip_of(field, clip_id: str):
    """Return one more clip."""
    import numpy as np

    from cache import ClipFeatures

    frames = np.zeros((FRAMES, field.width), np.float32)
    return ClipFeatures(clip_id, {field.name: frames}, {field.name: frames[0]}, SAMPLES, -20.0, "0" * 64, {})


def measure_commit(folder: Path, commits: int = 50) -> dict[str, float]:
    """Commit more shards of one clip each, by a writer that has just come."""
    from extract.run.opening import open_writer

    chosen, encoder = options()
    [field] = encoder.fields
    begun = time.perf_counter()
    writer = open_writer(folder / "cache", chosen, encoder)
    times, work = [], []
    for number in range(commits):
        clip = clip_of(field, f"more/{os.getpid()}-{number}")
        one, worked = time.perf_counter(), time.process_time()
        writer.commit([clip])
        times.append(time.perf_counter() - one)
        work.append(time.process_time() - worked)
    return {
        "first_commit_seconds": time.perf_counter() - begun - sum(times[1:]),
        "commit_ms": 1e3 * statistics.median(times[1:]),
        "commit_processor_ms": 1e3 * statistics.median(work[1:]),
        "slowest_commit_ms": 1e3 * max(times[1:]),
    }


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {
    "open": measure_open,
    "plan": measure_plan,
    "commit": measure_commit,
}


def in_process(arguments: list[str]) -> dict[str, float]:
    """Run a step in a process of its own; return what it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout or "{}")


def simulate(folder: Path, clips: int, per_shard: int) -> dict[str, dict[str, float]]:
    """Make the cache and measure; return step → figures."""
    begun = time.perf_counter()
    common = ["--folder", str(folder), "--clips", str(clips), "--clips-per-shard", str(per_shard)]
    if not (folder / "clips.csv").exists():
        in_process([*common, "--step", "media"])
    if not (folder / "cache" / "cache.json").exists():
        in_process([*common, "--step", "shards"])
    shards = sum(1 for _ in (folder / "cache" / "shards").glob("*.json"))
    found = {"make": {"seconds": time.perf_counter() - begun, "shards": shards}}
    for step in (*STEPS, *STEPS):  # the second time with what the first left: an index
        found[step if step not in found else f"{step} again"] = in_process([*common, "--step", step])
    return found


def main() -> None:
    """Simulate, or take one step of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--clips-per-shard", type=int, default=50)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave the folder where it is")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        take(chosen.step, chosen)
        return
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="simulate-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for step, figures in simulate(folder, chosen.clips, chosen.clips_per_shard).items():
            print(
                f"{step:12} " + "  ".join(f"{name} {value:,.3g}" for name, value in figures.items()),
                flush=True,
            )
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


def take(step: str, chosen: argparse.Namespace) -> None:
    """Take one step, and print its figures with the processor time and the peak of the memory."""
    if step == "media":
        make_media(chosen.folder, ids(chosen.clips))
    elif step == "shards":
        make_shards(chosen.folder, ids(chosen.clips), chosen.clips_per_shard)
    else:
        figures = MEASURES[step](chosen.folder)
        figures["processor_seconds"] = time.process_time()
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
