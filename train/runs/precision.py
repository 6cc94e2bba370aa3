"""Whether this machine runs a head in the precision that its config asks for."""

from __future__ import annotations

from functools import cache

import torch

from train.config import FitConfig
from train.errors import ConfigError
from train.heads.registry import TEMPORAL_MODELS
from train.heads.temporal.lstm_cpu import WIDE


def require_precision(config: FitConfig, width: int, device: torch.device) -> None:
    """Refuse bfloat16 on a CPU that has no such temporal model, before any feature is read.

    Args:
        config: of the head.
        width: channels of a frame.
        device: where it is to run.

    Raises:
        ConfigError: if this CPU cannot.
    """
    if config.precision != "bfloat16" or device.type != "cpu" or not config.lstm:
        return
    if not runs_in_bfloat16(config.temporal, min(config.hidden or width, WIDE)):
        found = torch.backends.cpu.get_cpu_capability()
        raise ConfigError(
            f"precision bfloat16: this CPU (found {found}) cannot run a {config.temporal} of "
            f"{config.hidden or width} units in it, which takes AVX512-BF16 or AMX; use --precision float32"
        )


@cache
def runs_in_bfloat16(temporal: str, hidden: int) -> bool:
    """Whether this CPU runs a temporal model of ``hidden`` units in bfloat16: tried on one frame."""
    with torch.random.fork_rng(devices=[]):  # the numbers of a fit do not depend on whether this was asked
        model = TEMPORAL_MODELS.get(temporal)(8, hidden, 1)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            model.summarise(torch.zeros(1, 1, 8), torch.ones(1, dtype=torch.int64))  # type: ignore[operator]
    except RuntimeError:
        return False
    return True
