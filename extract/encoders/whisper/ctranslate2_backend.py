"""Whisper's encoder computed by CTranslate2: on a CPU in float32 or int8, on CUDA in float16; no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.common.cores import available_cores
from cache.common.errors import is_out_of_memory
from extract.errors import ClipError, EncoderError

Array = NDArray[np.float32]
PRECISIONS = ("float32", "int8", "float16", "bfloat16")
CUDA_BATCH_SECONDS = 240.0


def library() -> Any:
    """Return the module ``ctranslate2``.

    Raises:
        EncoderError: it is not installed.
    """
    try:
        return import_module("ctranslate2")
    except ImportError as error:
        raise EncoderError(
            f"ctranslate2: cannot be imported ({error}); this layout of Whisper needs it: "
            "pip install 'emi-fusion[whisper]'"
        ) from None


def devices_of(text: str) -> list[str]:
    """Return the devices of ``--device``: ``auto`` is every CUDA device that CTranslate2 sees, or the CPU.

    Raises:
        EncoderError: there is no such device.
    """
    count = library().get_cuda_device_count()
    if text == "auto":
        return [f"cuda:{number}" for number in range(count)] or ["cpu"]
    names = [name.strip() for name in text.split(",")]
    known = {"cpu", "cuda", *(f"cuda:{number}" for number in range(count))}
    if not set(names) <= known or ("cuda" in names and not count):
        raise EncoderError(
            f"--device {text}: expected auto, cpu or cuda:N; CTranslate2 sees {count} CUDA devices"
        )
    return [f"{name}:0" if name == "cuda" else name for name in names]


def precisions_of(device: str) -> tuple[str, ...]:
    """Return the precisions that a device computes in."""
    supported = library().get_supported_compute_types(device.partition(":")[0])
    return tuple(name for name in PRECISIONS if name in supported)


class CTranslate2Backend:
    """The encoder of a CTranslate2 folder on one device; see ``extract.encoders.whisper.encoder.Backend``.

    Args:
        folder: with model.bin and what lies beside it.
        device: ``cpu`` or ``cuda:N``.
        precision: one of ``precisions_of(device)``.
        layer: number of the encoder's last layer.
        sharing: how many of these work on this machine's cores at once.

    Raises:
        EncoderError: the library refuses the model.
    """

    def __init__(self, folder: Path, device: str, precision: str, layer: int, sharing: int = 1) -> None:
        ctranslate2 = library()
        kind, _, index = device.partition(":")
        cores = int(os.environ.get("OMP_NUM_THREADS") or available_cores())
        ctranslate2.set_log_level(40)  # it warns that weights are cast to the precision asked for
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder), kind, device_index=int(index or 0), compute_type=precision,
                intra_threads=max(1, cores // max(1, sharing)),
            )  # fmt: skip
        except (RuntimeError, ValueError, LookupError) as error:
            reason = " ".join(str(error).split())[:300]
            raise EncoderError(
                f"{folder}: CTranslate2 cannot load it on {device} in {precision}: {reason}"
            ) from None
        self._view = ctranslate2.StorageView.from_array
        self._device, self._layer = device, layer
        self.batch_seconds = 0.0 if kind == "cpu" else CUDA_BATCH_SECONDS
        self.memory_seconds = float("inf")

    def encode(self, mels: Sequence[Array]) -> list[dict[int, Array]]:
        """Encode windows of one length; only the encoder's output can be had."""
        try:
            output = self._model.encode(self._view(np.stack(mels)), to_cpu=True)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise ClipError("out_of_memory", f"{len(mels)} windows do not fit {self._device}") from None
            raise EncoderError(
                f"{self._device} failed: {' '.join(str(error).split())[:300]}; check the device and run again, "
                "committed shards are intact"
            ) from error
        return [{self._layer: state} for state in np.array(output, dtype=np.float32)]
