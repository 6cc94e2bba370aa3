"""What a student costs and gives: learned from caches, then an encoder; its agreement on people it has not heard.

    python tests/bench/bench_student.py MEDIA --whisper DIR [--sizes 10k,72k,2m] [--epochs 40] [--kills 0]
    python tests/bench/bench_student.py MEDIA --teacher CACHE --speakers SPEAKERS.csv

MEDIA is a folder of sound. The teacher is a cache of the same clips, or the encoder of a Whisper in CTranslate2's
layout (``faster-whisper`` must be installed): a plain loop writes its frames as npy, ``emi-cache import`` takes
them. Without ``--speakers`` the speaker is what stands between the first two underscores of an id. Each size is
distilled with one part of the clips per speaker; times are processor times, of one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cache import CacheReader  # noqa: E402
from extract.audio.decode import decode  # noqa: E402
from extract.encoders.base import EncoderOptions  # noqa: E402
from extract.encoders.lookup import load_encoder  # noqa: E402
from extract.sources.clips import SourceClip  # noqa: E402

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RATE = 16_000


class Outcome(NamedTuple):
    """What was measured of a size.

    Attributes:
        metrics: of the student.
        processor_seconds: of the whole distillation.
        extraction: seconds of sound a second of processor time: of the encoder, and of the whole command.
        differing: clips whose features from the file are not, to the bit, those from the cache.
        clips: that were compared.
        onnx: largest difference between one file from waveform to two made-up targets, and student, cache and head.
    """

    metrics: dict[str, Any]
    processor_seconds: float
    extraction: tuple[float, float]
    differing: int
    clips: int
    onnx: float


def command(name: str, *arguments: object) -> float:
    """Run a command of ours on one thread; return its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = f"from {name}.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"{name} {arguments}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def speakers_table(path: Path, clip_ids: tuple[str, ...]) -> Path:
    """Write who speaks in clips that are called ``digit_speaker_take``."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("clip_id", "speaker"), *((clip, clip.split("_")[1]) for clip in clip_ids)]
        )
    return path


def whisper_frames(media: Path, model: Path, out: Path) -> Path:
    """Write the frames of a Whisper's encoder as npy, cut to each clip; 50 a second."""
    import ctranslate2
    import soundfile
    import soxr
    from faster_whisper.feature_extractor import FeatureExtractor

    encoder = ctranslate2.models.Whisper(str(model), device="cpu", compute_type="float32", intra_threads=1)
    heard = FeatureExtractor()
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(media.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, RATE) if rate != RATE else samples
        given = heard(samples)[:, :3000]
        padded = np.zeros((given.shape[0], 3000), np.float32)
        padded[:, : given.shape[1]] = given
        said = np.array(encoder.encode(ctranslate2.StorageView.from_array(padded[None])))[0]
        np.save(out / f"{path.stem}.npy", said[: max(1, (len(samples) - 400) // 320 + 1)].astype(np.float16))
    return out


def measure(
    media: Path, logmel: Path, teacher: Path, work: Path, options: list[object], *, onnx: bool = True
) -> Outcome:
    """Distil a student, extract with it, and compare its features with those that it gives of the cache."""
    student, said = work / "student", work / "said"
    seconds = command("train", "distil", logmel, teacher, "--out", student, *options)
    extracting = command("extract", "run", media, "--model", student, "--out", said)
    encoder = load_encoder(EncoderOptions(str(student)))
    differing = 0
    with CacheReader(logmel) as heard, CacheReader(said) as found:
        for clip_id in found.clip_ids:
            clip, again = found[clip_id], encoder.of_logmel(heard.read_frames(clip_id, "logmel"))
            same = [
                np.array_equal(clip.frames[name], values.astype(clip.frames[name].dtype))
                for name, values in again.frames.items()
            ]
            same += [np.array_equal(clip.clip[name], values) for name, values in again.clip.items()]
            differing += not all(same)
        sound, clips = float(found.clip_table("clips/num_samples").sum()) / RATE, len(found)
    metrics = json.loads((student / "metrics.json").read_text())
    speed = encoder_speed(student), sound / extracting
    difference = onnx_difference(media, student, said, work) if onnx else float("nan")
    return Outcome(metrics, seconds, speed, differing, clips, difference)


def killed(logmel: Path, teacher: Path, work: Path, options: list[object], kills: int) -> bool:
    """Kill a distillation at random instants, each time giving the command again; whether its bits are the same."""
    whole, torn, chance, began = work / "whole", work / "torn", random.Random(0), time.monotonic()
    command("train", "distil", logmel, teacher, "--out", whole, *options)
    took = time.monotonic() - began
    arguments = [logmel, teacher, "--out", torn, *options]
    code = "from train.__main__ import main; main()"
    met = 0
    while met < kills:
        running = subprocess.Popen(
            [sys.executable, "-c", code, "distil", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            running.wait(chance.uniform(0.2, 0.6) * took)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            met += 1
        else:
            shutil.rmtree(torn)  # it was quicker than the kill: begin again
    command("train", "distil", *arguments)
    decided = ("model.safetensors", "config.json", "student.json")
    return all((whole / name).read_bytes() == (torn / name).read_bytes() for name in decided)


def onnx_difference(media: Path, student: Path, said: Path, work: Path) -> float:
    """Fit a head on a student's features, write both as one file, and run it on the sound of every clip."""
    import onnxruntime

    with CacheReader(said) as reader:
        ids, level, length = (
            reader.clip_ids,
            *(reader.clip_table(f"clips/{name}") for name in ("rms_db", "duration")),
        )
    with (work / "labels.csv").open("w", newline="") as file:
        rows = [
            (clip, -x / 60, min(1, y), "valid" if at % 4 == 0 else "train")
            for at, (clip, x, y) in enumerate(zip(ids, level.tolist(), length.tolist(), strict=True))
        ]
        csv.writer(file).writerows([("clip_id", "level", "length", "split"), *rows])
    head, onnx, table = work / "head", work / "head.onnx", work / "predictions.csv"
    command(
        "train", "fit", said, "--labels", work / "labels.csv", "--out", head, "--no-floor", "--threads", 1
    )
    command("train", "export", head, "--onnx", onnx, "--with-student", student)
    command("train", "predict", head, said, "--clip", "none", "--out", table)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    worst = 0.0
    with table.open(newline="") as file:
        for line in csv.DictReader(file):
            path = media / f"{line['clip_id']}.wav"
            samples = decode(SourceClip(line["clip_id"], path, path.name), 12.0).samples
            found = session.run(None, {"waveform": samples[None]})[0][0]
            worst = max(worst, float(np.abs(found - [float(line["level"]), float(line["length"])]).max()))
    return worst


def encoder_speed(student: Path, seconds: float = 12.0) -> float:
    """Return seconds of sound a second of one core: samples to features, in a process of one thread."""
    code = (
        "import sys, time, numpy as np\n"
        "from extract.encoders.base import EncoderOptions\n"
        "from extract.encoders.lookup import load_encoder\n"
        "encoder = load_encoder(EncoderOptions(sys.argv[1]))\n"
        f"clips = [np.random.default_rng(0).standard_normal({int(seconds * RATE)}).astype(np.float32) * 0.05]\n"
        "encoder.encode(clips)\n"
        "begun = time.process_time()\n"
        "for _ in range(5): encoder.encode(clips)\n"
        f"print(5 * {seconds} / (time.process_time() - begun))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(student)],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def row(size: str, found: Outcome) -> str:
    """Return a line of the table."""
    scores = found.metrics["scores"]
    said = [
        f"{each['estimate']:.2f} [{each['low']:.2f}, {each['high']:.2f}]" for each in scores["ccc"].values()
    ]
    hidden = "" if scores["hidden_r2"] is None else f"{scores['hidden_r2']:.2f}"
    return (
        f"| `{size}` | {found.metrics['parameters']:,} | {found.metrics['bytes'] / 1e3:.0f} KB "
        f"| {' | '.join(said)} | {hidden} | {found.metrics['epoch_seconds']:.2f} s "
        f"| {found.extraction[0]:.0f} × | {found.differing} of {found.clips} | {found.onnx:.1e} |"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("media", type=Path)
    parser.add_argument("--whisper", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--speakers", type=Path)
    parser.add_argument("--sizes", default="10k,72k,2m")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        logmel, teacher = work / "logmel", options.teacher or work / "teacher"
        command("extract", "run", options.media, "--model", "logmel", "--out", logmel)
        if options.teacher is None:
            frames = work / "npy"
            if not frames.exists():
                whisper_frames(options.media, options.whisper, frames)
            command(
                "cache", "import", frames, "--out", teacher, "--frame-shift", 0.02, "--encoder", "Whisper"
            )
        with CacheReader(logmel) as reader:
            who = options.speakers or speakers_table(work / "speakers.csv", reader.clip_ids)
            people = len({line.split(",")[-1] for line in who.read_text().split()[1:]})
        with CacheReader(teacher) as reader:
            kind = "vad" if "vad" in reader.frame_fields else "linear"
        print(f"teacher {teacher}, {kind}, {people} speakers, each held out once, {options.epochs} epochs")
        for size in options.sizes.split(","):
            given = ["--size", size, "--targets-from", kind, "--folds", people, "--epochs", options.epochs]
            given += ["--hidden", options.hidden, "--speakers", who, "--threads", 1]
            if options.kills:
                same = killed(logmel, teacher, work / size, given, options.kills)
                print(
                    f"{size}, {options.kills} SIGKILLs: {'the same bits' if same else 'OTHER BITS'}",
                    flush=True,
                )
                continue
            print(row(size, measure(options.media, logmel, teacher, work / size, given)), flush=True)


if __name__ == "__main__":
    main()
