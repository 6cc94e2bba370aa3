"""Extraction on a CUDA device: as on the CPU, whatever the batch, with two workers, and when memory runs out."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader, verify
from cache.format.schema import SAMPLING_RATE
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.run.extract import extract

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
# Dies with its first shard committed.
DYING = """
import os, signal
from cache.writer import CacheWriter
commit = CacheWriter.commit
def dying(*arguments):
    commit(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
CacheWriter.commit = dying
"""
EXACT, HALF = 1e-4, 2e-2  # relative distance from float32 on the CPU


@pytest.fixture(scope="module")
def sounds(voice):
    return [voice(seconds, seed=seed)[:, 0] for seed, seconds in enumerate((0.3, 1.1, 2.7, 2.7, 6.0, 11.9))]


@pytest.fixture(scope="module")
def on_cuda(tiny_encoder):
    def load(precision="auto"):
        return load_encoder(EncoderOptions(str(tiny_encoder), device="cuda", precision=precision))

    return load


def distances(one, other):
    for name, values in other.items():
        yield float(np.linalg.norm(one[name].astype(np.float64) - values) / np.linalg.norm(values))


@pytest.mark.parametrize(("precision", "bound"), [("float32", EXACT), ("float16", HALF), ("bfloat16", 0.1)])
def test_frames_are_those_of_the_cpu(sounds, tiny_encoder, on_cuda, precision, bound) -> None:
    expected = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu")).encode(sounds)
    for one, other in zip(on_cuda(precision).encode(sounds), expected, strict=True):
        assert max(distances(one.frames, other.frames)) < bound
        assert max(distances(one.global_mean, other.global_mean)) < bound
        assert max(distances(one.clip, other.clip)) < bound


@pytest.mark.parametrize(("precision", "bound"), [("float32", EXACT), ("float16", HALF)])
def test_frames_do_not_depend_on_the_batch(sounds, on_cuda, precision, bound) -> None:
    encoder = on_cuda(precision)
    for alone, together in zip(sounds, encoder.encode(sounds), strict=True):
        (one,) = encoder.encode([alone])
        assert all(len(one.frames[name]) == len(values) for name, values in together.frames.items())
        assert max(distances(together.frames, one.frames)) < bound


def test_the_precision_is_named_in_the_recipe(on_cuda) -> None:
    assert on_cuda().recipe["precision"] == "float16"
    assert on_cuda("float32").recipe["precision"] == "float32"


def beside_progress(stderr: str) -> list[str]:
    """What was said beside progress, which only a slow start brings."""
    return [line for line in stderr.splitlines() if not line.startswith("extract [")]


@pytest.mark.parametrize("device", ["cuda", "cuda:0,cuda:0"])
def test_a_run_is_that_of_the_cpu(tmp_path, clips, reference, start_run, tiny_encoder, device) -> None:
    more = ("--device", device, "--precision", "float32", "--json")
    run = start_run(clips, tmp_path / "c", str(tiny_encoder), *more)
    stdout, stderr = run.communicate(timeout=300)
    assert (run.returncode, beside_progress(stderr)) == (0, [])
    assert json.loads(stdout)["extracted"] == 12
    expected, found = CacheReader(reference), CacheReader(tmp_path / "c")
    assert expected.clip_ids == found.clip_ids
    for clip_id in expected.clip_ids:
        one, other = found[clip_id], expected[clip_id]
        assert max(distances(one.frames, other.frames)) < 2e-3  # both are stored as float16
        assert max(distances(one.global_mean, other.global_mean)) < EXACT
    assert verify(tmp_path / "c").findings == ()


def test_a_run_goes_on_after_sigkill(tmp_path, clips, start_run, tiny_encoder, assert_same) -> None:
    """The same device and batches give the same bits."""
    more = ("--device", "cuda")
    whole = start_run(clips, tmp_path / "whole", str(tiny_encoder), *more)
    assert not beside_progress(whole.communicate(timeout=300)[1])
    killed = start_run(clips, tmp_path / "c", str(tiny_encoder), *more, code=DYING)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert 0 < len(CacheReader(tmp_path / "c").clip_ids) < 12
    again = start_run(clips, tmp_path / "c", str(tiny_encoder), *more)
    assert not beside_progress(again.communicate(timeout=300)[1])
    assert_same(tmp_path / "whole", tmp_path / "c")


def test_memory_that_runs_out_halves_the_batch(sounds, on_cuda) -> None:
    """The device really has no more: the share that torch may use is what is used now, and a little."""
    encoder = on_cuda("float32")
    expected = encoder.encode(sounds)
    many = sounds * 40
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved() + 192e6
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])
    try:
        found = encoder.encode(many)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert encoder.memory_seconds < sum(map(len, many)) / SAMPLING_RATE
    for one, other in zip(found, expected * 40, strict=True):
        assert max(distances(one.frames, other.frames)) < EXACT


def test_a_run_in_float16_is_near_one_in_float32(tmp_path, clips, options) -> None:
    caches = {}
    for precision in ("float32", "float16"):
        there = replace(options.encoder, device="cuda", precision=precision)
        extract(clips, tmp_path / precision, replace(options, encoder=there))
        caches[precision] = CacheReader(tmp_path / precision)
    for clip_id in caches["float32"].clip_ids:
        one, other = (caches[precision][clip_id] for precision in ("float16", "float32"))
        assert max(distances(one.frames, other.frames)) < HALF
