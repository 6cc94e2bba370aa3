"""Devices by name, their precision, their batch budget, and what a lack of memory looks like."""

from __future__ import annotations

import pytest
import torch

from extract.encoders import devices
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.errors import EncoderError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "0"}, "numbers from 1 to 2"),
        ({"layers": "first"}, "numbers from 1 to 2"),
        ({"precision": "float8"}, "float8"),
        ({"device": "tpu-9"}, "tpu-9"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_bad_options_are_one_line(tiny_encoder, options, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load_encoder(EncoderOptions(str(tiny_encoder), **options))


def test_the_cpu_computes_in_float32_and_single_clips() -> None:
    cpu = devices.device("cpu")
    assert devices.precision("auto", cpu) == "float32"
    assert devices.precision("bfloat16", cpu) == "bfloat16"
    assert devices.batch_seconds(cpu) == 0.0
    assert devices.names("cpu, cpu") == ["cpu", "cpu"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_without_cuda_every_device_there_is_is_the_cpu() -> None:
    assert devices.names("auto") == ["cpu"]
    assert devices.device("auto").type == "cpu"
    with pytest.raises(EncoderError, match="torch sees 0 CUDA devices"):
        devices.names("cpu,cuda:1")


def test_workers_share_the_cores_and_keep_one() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        devices.share_cores(2)
        assert torch.get_num_threads() == 2
        devices.share_cores(8)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_lack_of_memory_returns_and_other_faults_go_on() -> None:
    cpu = devices.device("cpu")
    devices.raise_unless_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"), cpu)
    devices.raise_unless_out_of_memory(MemoryError(), cpu)
    with pytest.raises(RuntimeError, match="a bug"):
        devices.raise_unless_out_of_memory(RuntimeError("a bug"), cpu)
    with pytest.raises(EncoderError, match="cuda failed: device-side assert; check the device"):
        devices.raise_unless_out_of_memory(RuntimeError("device-side assert\nmore"), torch.device("cuda"))
