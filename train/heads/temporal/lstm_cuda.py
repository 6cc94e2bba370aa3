"""A half-precision LSTM on CUDA's tensor cores: 1027 units run as 1032, with equal results."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MULTIPLE = 8  # half-precision tensor cores want widths that are multiples of this


def run_padded(lstm: nn.LSTM, frames: Tensor) -> Tensor:
    """Return all outputs (clips, frames, hidden) of an LSTM, with widths as the device likes them.

    Only CUDA in half precision gains from padding; everywhere else this is ``lstm(frames)[0]``.
    """
    lowered = torch.is_autocast_enabled("cuda") or frames.dtype in (torch.float16, torch.bfloat16)
    odd = lstm.hidden_size % MULTIPLE or frames.shape[2] % MULTIPLE
    if frames.is_cuda and lowered and odd:
        return run_wider(lstm, frames)
    return lstm(frames)[0]  # type: ignore[no-any-return]


def run_wider(lstm: nn.LSTM, frames: Tensor) -> Tensor:
    """Return ``lstm(frames)[0]``, computed with every width rounded up.

    Added units have zero weights and biases: their cells stay at 0 · new = tanh(0) / 2 = 0, so their output
    is 0, and no weight reads them. Gradients flow back through the padding to the real weights alone.
    """
    hidden, width = lstm.hidden_size, frames.shape[2]
    more, extra = -hidden % MULTIPLE, -width % MULTIPLE
    with torch.device("meta"):
        wider = nn.LSTM(width + extra, hidden + more, num_layers=lstm.num_layers, batch_first=True)
    weights = {}
    for name, parameter in lstm.named_parameters():
        columns = 0
        if name.startswith("weight"):
            columns = extra if name == "weight_ih_l0" else more
        weights[name] = _padded(parameter, more, columns)
    outputs = torch.func.functional_call(wider, weights, (nn.functional.pad(frames, (0, extra)),))[0]
    return outputs[:, :, :hidden]  # type: ignore[no-any-return]


def _padded(parameter: Tensor, rows: int, columns: int) -> Tensor:
    """Give each of the four gates ``rows`` more rows of zeros, and each row ``columns`` more zeros."""
    below = (0, rows) if parameter.ndim == 1 else (0, columns, 0, rows)
    return torch.cat([nn.functional.pad(gate, below) for gate in parameter.chunk(4)])
