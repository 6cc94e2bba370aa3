"""What this machine has: libraries, cores, devices."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from cache.common.cores import available_cores
from extract.preflight.checks import FAILED, OK, WARNING, Check

LIBRARIES = ("numpy", "soundfile", "av", "soxr")
ENCODER_LIBRARIES = ("torch", "transformers", "safetensors")  # where it is not known which encoder it is


def libraries_check(encoder_libraries: Sequence[str]) -> Check:
    """Check the libraries that decoding and the encoder need."""
    there, missing = [], []
    for name in (*LIBRARIES, *encoder_libraries):
        try:
            there.append(f"{name} {import_module(name).__version__}")
        except ImportError:
            missing.append(name)
    if missing:
        advice = "pip install 'emi-fusion[extract]'"
        return Check("libraries", FAILED, f"missing: {', '.join(missing)}", advice)
    return Check("libraries", OK, f"Python {sys.version.split()[0]}, {', '.join(there)}")


def machine_check() -> Check:
    """Say what torch sees of the machine."""
    try:
        import torch
    except ImportError:
        return Check("machine", OK, "no torch: enough for --model logmel")
    cores = available_cores()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    seen = f"{cores} cores, {torch.get_num_threads()} torch threads, CUDA: {', '.join(gpus) or 'none'}"
    if gpus:
        return Check("machine", OK, seen)
    return Check("machine", WARNING, seen, "on a CPU the full encoder runs at a few times real time")
