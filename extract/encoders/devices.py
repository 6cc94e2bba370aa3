"""The device an encoder runs on: its name, threads, precision, batch budget, transfers, and lack of memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.common.errors import is_out_of_memory
from extract.errors import EncoderError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
CUDA_BATCH_SECONDS = 240.0
CUDA_BYTES_PER_SECOND = 40e6  # of activations for a 1024-d encoder; a first guess, halving corrects it
CUDA_SHARE = 0.5  # of the free memory: other people's jobs share the device


def device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` takes CUDA where there is one.

    Raises:
        EncoderError: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        named = torch.device(name)
    except RuntimeError:
        raise EncoderError(f"--device {name}: expected auto, cpu, cuda or cuda:N") from None
    if named.type == "cuda" and (named.index or 0) >= torch.cuda.device_count():
        raise EncoderError(f"--device {name}: torch sees {torch.cuda.device_count()} CUDA devices here")
    return named


def names(text: str) -> list[str]:
    """Return the devices of ``cuda:0,cuda:1``; ``auto`` is every CUDA device, or the CPU."""
    if text == "auto":
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cpu"]
    return [str(device(part.strip())) for part in text.split(",")]


def share_cores(workers: int) -> None:
    """Give this process its share of the cores that torch uses."""
    torch.set_num_threads(max(1, torch.get_num_threads() // workers))


def precision(name: str, on: torch.device) -> str:
    """Return the precision of the computation; ``auto`` is float16 on CUDA and float32 elsewhere."""
    if name == "auto":
        name = "float16" if on.type == "cuda" else "float32"
    if on.type == "cuda" and name == "float32":
        # cuDNN would round the inputs of float32 convolutions to 10 bits
        torch.backends.cudnn.allow_tf32 = False
    return name


def batch_seconds(on: torch.device) -> float:
    """Return the padded seconds a batch that suit a device; 0, single clips, on a CPU (measured: fastest)."""
    if on.type != "cuda":
        return 0.0
    free, _ = torch.cuda.mem_get_info(on)
    return float(min(CUDA_BATCH_SECONDS, max(12.0, CUDA_SHARE * free / CUDA_BYTES_PER_SECOND)))


def to_host(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """Return tensors as arrays of this process; from CUDA through pinned memory, at the bus' full speed.

    torch keeps pinned memory for the next batch once the arrays are gone.
    """
    if not any(tensor.is_cuda for tensor in tensors.values()):
        return {name: tensor.numpy() for name, tensor in tensors.items()}
    there = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
        for name, tensor in tensors.items()
    }
    torch.cuda.synchronize(next(iter(tensors.values())).device)
    return {name: tensor.numpy() for name, tensor in there.items()}


def raise_unless_out_of_memory(error: BaseException, on: torch.device) -> None:
    """Return when memory ran out; a CUDA device that failed is one line, anything else goes on as it is."""
    if isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error):
        return
    if on.type == "cuda":
        reason = str(error).splitlines()[0]
        raise EncoderError(
            f"{on} failed: {reason}; check the device and run again, committed shards are intact"
        ) from error
    raise error
