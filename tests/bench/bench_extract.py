"""Extraction against the loops everyone writes: full-size encoder, decoders, and the pipeline around a no-op one.

    python tests/bench/bench_extract.py [--clips 6 --rounds 3 --only encoder decode pipeline memory long --json]

The encoder has 12 layers of 1024 and random weights, which cost what real ones do. All ratios come from one run
on one machine. On a CPU a few clips take minutes; with CUDA, give thousands (--clips 2000 --rounds 1).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from media import voice, write

from cache.format.schema import SAMPLING_RATE, VAD_DIMS, FrameField

GFLOP_PER_SECOND = 21.0  # of audio, for this encoder
PLAIN_BATCH = {"cpu": 4, "cuda": 32}
CONFIG = {
    "model_type": "wav2vec2", "architectures": ["Wav2Vec2ForSpeechClassification"], "hidden_size": 1024,
    "num_hidden_layers": 12, "num_attention_heads": 16, "intermediate_size": 4096, "feat_extract_norm": "layer",
    "do_stable_layer_norm": True, "conv_bias": True, "id2label": dict(enumerate(VAD_DIMS)),
}  # fmt: skip
DECODED = (
    (".wav", 16_000, 1), (".flac", 16_000, 1), (".mp3", 16_000, 1), (".ogg", 16_000, 1), (".opus", 48_000, 1),
    (".wav", 44_100, 2), (".mp3", 44_100, 2), (".m4a", 44_100, 2), (".mp4", 44_100, 2), (".mkv", 48_000, 2),
    (".webm", 48_000, 1),
)  # fmt: skip
PIPED = ((".wav", 16_000, 1), (".mp3", 16_000, 1), (".mp3", 44_100, 2), (".mp4", 44_100, 2))


def draw_lengths(count: int) -> list[float]:
    """Return clip lengths shaped like EMI's: mean 6.9 s, 5 % above 11.5 s, cut at 12 s."""
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(6.95, 2.75, count), 0.3, 12.0).tolist()


def make_encoder(precision: str, device: str) -> Any:
    """Return our encoder, full size, with random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    from extract.encoders.base import EncoderOptions
    from extract.encoders.hub import ModelFiles
    from extract.encoders.speech.checkpoint import Checkpoint
    from extract.encoders.speech.heads import RegressionHead
    from extract.encoders.speech.layout import read_layout
    from extract.encoders.speech.transformer import SpeechTransformer
    from extract.encoders.wav2vec2 import WAV2VEC2

    torch.manual_seed(0)
    model = Wav2Vec2Model(Wav2Vec2Config.from_dict(CONFIG))
    weights = {f"wav2vec2.{name}": tensor for name, tensor in model.state_dict().items()}
    weights |= {f"classifier.{name}": tensor for name, tensor in RegressionHead(1024).state_dict().items()}
    files = ModelFiles("random", "none", CONFIG, True, None)
    options = EncoderOptions("random", device=device, precision=precision)
    return SpeechTransformer(Checkpoint(files, weights), read_layout(CONFIG, "last", WAV2VEC2), options)


def plain_loop(device: str, batch: int) -> Callable[[Sequence[np.ndarray]], None]:
    """Return the loop everyone writes: transformers in float32, one clip or one padded batch after the other."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    model = Wav2Vec2Model(Wav2Vec2Config.from_dict(CONFIG)).eval().to(device)
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)

    @torch.no_grad()
    def run(clips: Sequence[np.ndarray]) -> None:
        for start in range(0, len(clips), batch):
            some = list(clips[start : start + batch])
            inputs = extractor(some, sampling_rate=SAMPLING_RATE, padding=True, return_tensors="pt").to(
                device
            )
            mask = inputs.attention_mask if batch > 1 else None
            model(inputs.input_values, attention_mask=mask).last_hidden_state.cpu().numpy()

    return run


def our_loop(encoder: Any, batch_seconds: float | None = None) -> Callable[[Sequence[np.ndarray]], None]:
    """Return what extract does with decoded clips: sorted by length, batched under the device's budget."""
    from extract.run.shards.batches import batches

    budget = encoder.batch_seconds if batch_seconds is None else batch_seconds

    def run(clips: Sequence[np.ndarray]) -> None:
        ordered = sorted(clips, key=len, reverse=True)
        for batch in batches(((clip, len(clip)) for clip in ordered), lambda: budget, encoder.equal_lengths):
            encoder.encode(batch)

    return run


def matrix_ceiling(dtype: str, device: str) -> float:
    """Return the best GFLOP/s of a matrix product of the transformer's shape."""
    import torch

    one = torch.randn(1024, 4096, device=device, dtype=getattr(torch, dtype))
    other = torch.randn(4096, 1024, device=device, dtype=getattr(torch, dtype))
    best, many = 0.0, 200 if device == "cuda" else 3
    for _ in range(12):
        begin = time.perf_counter()
        for _ in range(many):
            product = one @ other
        float(product[0, 0])
        best = max(best, many * 2 * 1024 * 4096 * 1024 / (time.perf_counter() - begin) / 1e9)
    return best


def bench_encoder(clips: int, rounds: int) -> dict[str, Any]:
    """Time every loop in turns, so that all meet the same noise; the best turn of each counts."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    low = "float16" if device == "cuda" else "bfloat16"
    sounds = [voice(seconds, seed=number)[:, 0] for number, seconds in enumerate(draw_lengths(clips))]
    audio = sum(map(len, sounds)) / SAMPLING_RATE
    exact, rough = make_encoder("float32", device), make_encoder(low, device)
    loops = {
        "plain loop, float32, one clip at a time": plain_loop(device, 1),
        "plain loop, float32, padded batches as they come": plain_loop(device, PLAIN_BATCH[device]),
        "ours, float32": our_loop(exact),
        f"ours, {low}": our_loop(rough),
    }
    if device == "cpu":
        loops["ours, float32, batches of 30 s"] = our_loop(exact, 30.0)
        loops[f"ours, {low}, batches of 30 s"] = our_loop(rough, 30.0)
    seconds = dict.fromkeys(loops, float("inf"))
    for loop in loops.values():
        loop(sounds[:1])
    for _ in range(rounds):
        for name, loop in loops.items():
            begin = time.perf_counter()
            loop(sounds)
            seconds[name] = min(seconds[name], time.perf_counter() - begin)
    ceilings = {dtype: matrix_ceiling(dtype, device) for dtype in ("float32", low)}
    plain = next(iter(seconds.values()))
    rows = {}
    for name, taken in seconds.items():
        ceiling = ceilings[low if low in name else "float32"]
        share = GFLOP_PER_SECOND * audio / taken / ceiling
        rows[name] = {"x_real_time": audio / taken, "ratio": plain / taken, "share_of_ceiling": share}
    result = {"device": device, "clips": clips, "audio_seconds": audio, "gflops": ceilings, "loops": rows}
    if device == "cpu" and (os.cpu_count() or 1) > 1:
        result["workers"] = bench_workers(clips)
    return result


def bench_workers(clips: int) -> dict[str, float]:
    """One worker with two threads against two workers with one thread each, × real time together."""
    result = {}
    for precision, workers, threads in (
        ("float32", 1, 2), ("float32", 2, 1), ("bfloat16", 1, 2), ("bfloat16", 2, 1),
    ):  # fmt: skip
        env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "--worker", precision, "--clips", str(clips)]
        running = [
            subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(workers)
        ]
        result[f"{precision}, {workers} × {threads} threads"] = sum(
            float(one.communicate()[0]) for one in running
        )
    return result


def work(clips: int, precision: str) -> None:
    """Print the × real time of one worker, measured while the other one is at work too."""
    encoder = make_encoder(precision, "cpu")
    sounds = [voice(seconds, seed=number)[:, 0] for number, seconds in enumerate(draw_lengths(clips))]
    run = our_loop(encoder)
    run(sounds[:1])
    begin = time.perf_counter()
    run(sounds)
    print(sum(map(len, sounds)) / SAMPLING_RATE / (time.perf_counter() - begin))


def media_names(folder: Path, kinds: Sequence[tuple[str, int, int]]) -> Iterator[tuple[str, Path]]:
    """Write one clip of 7 s of every kind and yield what it is and where."""
    for suffix, rate, channels in kinds:
        name = f"{suffix[1:]} {rate / 1000:g} kHz {'stereo' if channels == 2 else 'mono'}"
        yield name, write(folder / f"{suffix[1:]}{rate}{suffix}", voice(7.0, rate, channels), rate)


def bench_decode() -> dict[str, float]:
    """Return × real time of decoding to 16 kHz mono, one thread."""
    from extract.audio.decode import decode
    from extract.sources.clips import SourceClip

    speeds = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in media_names(Path(scratch), DECODED):
            clip = SourceClip("x", path, path.name)
            decode(clip, 12.0)
            best = float("inf")
            for _ in range(3):
                begin = time.perf_counter()
                for _ in range(10):
                    decode(clip, 12.0)
                best = min(best, time.perf_counter() - begin)
            speeds[name] = 70.0 / best
    return speeds


class NoEncoder:
    """Yields frames as wide as the real encoder's, at no cost."""

    fields = (FrameField("hidden_states/12", 1024, np.dtype(np.float16)), FrameField("vad", 3))
    recipe: dict[str, Any] = {"model": "nothing", "precision": "float32"}  # noqa: RUF012
    licence, chunking, equal_lengths = "none", "none", False
    batch_seconds, memory_seconds = 240.0, float("inf")

    def num_frames(self, num_samples: int) -> int:
        return max(0, (num_samples - 400) // 320 + 1)

    def encode(self, clips: Sequence[np.ndarray]) -> list[Any]:
        from extract.encoders.base import Encoded

        widest = np.ones((self.num_frames(max(map(len, clips))), 1024), np.float32)
        results = []
        for clip in clips:
            frames = {"hidden_states/12": widest[: self.num_frames(len(clip))]}
            frames["vad"] = frames["hidden_states/12"][:, :3]
            results.append(Encoded(frames, {name: values[0] for name, values in frames.items()}, {}))
        return results


def bench_pipeline(clips: int, kinds: Sequence[tuple[str, int, int]] = PIPED) -> dict[str, dict[str, Any]]:
    """Return × real time of the whole command but for the encoder: headers, decoding, checks, shards on disk."""
    from cache.common.progress import Progress
    from extract.options import ExtractOptions
    from extract.run.extract import extract

    speeds = {}
    for kind in kinds:
        with tempfile.TemporaryDirectory() as scratch, open(os.devnull, "w") as nowhere:
            name, path = next(media_names(Path(scratch), [kind]))
            folder = Path(scratch, "clips")
            folder.mkdir()
            for number in range(clips):
                (folder / f"{number:05}{path.suffix}").write_bytes(path.read_bytes())
            options = ExtractOptions(num_workers=max(2, os.cpu_count() or 2))
            summary = extract(
                folder, Path(scratch, "cache"), options, encoder=NoEncoder(), progress=Progress(nowhere)
            )
            assert summary.extracted == clips, summary
            speeds[name] = {"x_real_time": summary.hours * 3600 / summary.seconds, "bound": summary.bound}
    return speeds


def bench_memory() -> dict[str, float]:
    """Return the peak memory of the pipeline with 200 and with 2,000 clips [MB], each in a fresh process."""
    peaks = {}
    for clips in (200, 2000):
        command = [sys.executable, __file__, "--memory", str(clips)]
        peaks[f"{clips} clips"] = float(
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        )
    return peaks


def measure_memory(clips: int) -> None:
    """Run the pipeline and print the peak memory of this process [MB]."""
    import resource

    bench_pipeline(clips, ((".mp3", 16_000, 1),))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def bench_long() -> dict[str, Any]:
    """Return peak memory [MB] and × real time of the full-size encoder on a whole clip of 1,250 s."""
    results = {}
    for precision in ("float32", "bfloat16"):
        command = [sys.executable, __file__, "--long", precision]
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        results[precision] = dict(zip(("short_mb", "long_mb", "x_real_time"), map(float, found), strict=True))
    return results


def measure_long(precision: str, seconds: float = 1250.0) -> None:
    """Encode 12 s, then the long clip; print the peak memory after each [MB], and × real time."""
    import resource

    encoder = make_encoder(precision, "cpu")
    sound = np.resize(voice(60.0, seed=1)[:, 0], int(seconds * SAMPLING_RATE))
    encoder.encode([sound[: 12 * SAMPLING_RATE]])
    short = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.perf_counter()
    encoder.encode([sound])
    taken = time.perf_counter() - begin
    print(short, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds / taken)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["decode", "pipeline", "memory", "encoder"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--long", metavar="PRECISION", help=argparse.SUPPRESS)
    parser.add_argument("--worker", metavar="PRECISION", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.clips, options.worker)
        return
    if options.memory:
        measure_memory(options.memory)
        return
    if options.long:
        measure_long(options.long)
        return
    results: dict[str, Any] = {}
    if "decode" in options.only:
        results["decode"] = bench_decode()
    if "pipeline" in options.only:
        results["pipeline"] = bench_pipeline(500)
    if "memory" in options.only:
        results["memory"] = bench_memory()
    if "long" in options.only:
        results["long"] = bench_long()
    if "encoder" in options.only:
        results["encoder"] = bench_encoder(options.clips, options.rounds)
    print(json.dumps(results, indent=2) if options.json else "\n".join(report(results)))


def report(results: dict[str, Any]) -> Iterator[str]:
    """Yield the results as lines."""
    for name, speed in results.get("decode", {}).items():
        yield f"decode   {name:22} {speed:7.0f} × real time, one thread"
    for name, row in results.get("pipeline", {}).items():
        yield f"pipeline {name:22} {row['x_real_time']:7.0f} × real time, no-op encoder, bound by {row['bound']}"
    for name, peak in results.get("memory", {}).items():
        yield f"memory   {name:22} {peak:7.0f} MB at the peak"
    for precision, row in results.get("long", {}).items():
        yield (
            f"long     a clip of 1,250 s, {precision}: {row['long_mb']:.0f} MB at the peak, "
            f"{row['short_mb']:.0f} MB after one of 12 s; {row['x_real_time']:.1f} × real time"
        )
    encoder = results.get("encoder")
    if encoder:
        ceilings = ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in encoder["gflops"].items())
        what = f"{encoder['clips']} clips, {encoder['audio_seconds']:.0f} s"
        yield f"encoder on {encoder['device']}: {what}; matrix products: {ceilings}"
        for name, row in encoder["loops"].items():
            yield (
                f"  {name:50} {row['x_real_time']:8.2f} × real time  {row['ratio']:5.2f} × the plain loop  "
                f"{row['share_of_ceiling']:4.0%} of the ceiling"
            )
        for name, speed in encoder.get("workers", {}).items():
            yield f"  {name:50} {speed:8.2f} × real time"


if __name__ == "__main__":
    main()
