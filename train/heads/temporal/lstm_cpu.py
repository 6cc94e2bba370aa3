"""A wide LSTM layer on a CPU: the equations of torch's, faster.

oneDNN's bfloat16 LSTM goes backward slower than its float32 one on wide layers (measured, 1027 units, one
core of an AVX-512 CPU: 104 against 125 GFLOP/s; with AdamW's float32 weights, cast each step). The reason is
its weight gradients: a product per frame. Here everything that does not depend on the previous frame is one
large product over all frames (input gates, weight gradients, input gradients: 8 of the 12 products of a
two-layer step, and the gradient of the features is left out); only the recurrence itself goes frame by frame.
That reaches 200 GFLOP/s of the same core. Narrow layers stay with oneDNN: this loop would cost more than it saves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

WIDE = 640  # units from which this loop is faster than oneDNN's; at 512 they are level
ALIGNED = 16  # products of a multiple of this width are 5 % faster than of 1027


class Recurrence(torch.autograd.Function):
    """The recurrent part of one LSTM layer, time-major; gates lie in the order input, forget, output, cell."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor) -> Tensor:
        """Return the outputs (frames, clips, hidden).

        Args:
            ctx: of autograd.
            gates: (frames, clips, 4 · hidden) what the layer's input adds to the gates, bias included.
            weight: (4 · hidden, hidden) recurrent weight, of the same dtype.
        """
        frames, clips, hidden = gates.shape[0], gates.shape[1], weight.shape[1]
        acts = torch.empty_like(gates)
        outputs = gates.new_zeros(frames + 1, clips, hidden)
        # Cells stay in at least float32: they sum over all frames.
        wide = torch.promote_types(gates.dtype, torch.float32)
        cells = torch.zeros(frames + 1, clips, hidden, dtype=wide)
        squashed = torch.empty(frames, clips, hidden, dtype=wide)
        transposed = weight.t()
        for t in range(frames):
            act, cell = acts[t], cells[t + 1]
            torch.addmm(gates[t], outputs[t], transposed, out=act)
            act[:, : 3 * hidden].sigmoid_()
            act[:, 3 * hidden :].tanh_()
            gate_in, forget, out, new = act.chunk(4, dim=1)
            torch.mul(forget, cells[t], out=cell).addcmul_(gate_in, new)
            torch.tanh(cell, out=squashed[t])
            torch.mul(out, squashed[t], out=outputs[t + 1])
        ctx.save_for_backward(acts, outputs, cells, squashed, weight)
        return outputs[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of gates and weight."""
        acts, outputs, cells, squashed, weight = ctx.saved_tensors
        frames, clips, hidden = squashed.shape
        grad_gates = torch.empty_like(acts)
        grad_cell = torch.zeros_like(cells[0])
        grad_output, parts = grad_outputs[-1], cells.new_empty(clips, 4 * hidden)
        for t in reversed(range(frames)):
            gate_in, forget, out, new = acts[t].chunk(4, dim=1)
            grad_cell += grad_output * out * (1 - squashed[t] * squashed[t])
            torch.mul(grad_cell, new, out=parts[:, :hidden])
            torch.mul(grad_cell, cells[t], out=parts[:, hidden : 2 * hidden])
            torch.mul(grad_output, squashed[t], out=parts[:, 2 * hidden : 3 * hidden])
            torch.mul(grad_cell, gate_in, out=parts[:, 3 * hidden :])
            sigmoids = acts[t, :, : 3 * hidden]
            parts[:, : 3 * hidden] *= sigmoids - sigmoids * sigmoids
            parts[:, 3 * hidden :] *= 1 - new * new
            grad_gates[t] = parts
            grad_cell *= forget
            if t:
                grad_output = torch.addmm(grad_outputs[t - 1], grad_gates[t], weight)
        flat = grad_gates.view(frames * clips, -1)
        return grad_gates, flat.t() @ outputs[:-1].reshape(frames * clips, hidden)


def run_lstm(lstm: nn.LSTM, frames: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the last layer's outputs (clips, frames, hidden) of a one-directional ``batch_first`` LSTM.

    Args:
        lstm: gives the weights, in float32; they get their gradients as usual.
        frames: (clips, frames, width).
        dtype: in which products are taken.
    """
    sequence = frames.transpose(0, 1).to(dtype)
    for layer in range(lstm.num_layers):
        w_ih, w_hh = (getattr(lstm, f"weight_{kind}_l{layer}") for kind in ("ih", "hh"))
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        spare = -lstm.hidden_size % ALIGNED
        # Added units have zero weights everywhere: their output stays 0, and nothing reads them.
        wider = sequence.shape[2] - w_ih.shape[1]
        w_ih, w_hh, bias = (_reordered(part, spare).to(dtype) for part in (w_ih, w_hh, bias))
        w_ih, w_hh = (nn.functional.pad(part, (0, extra)) for part, extra in ((w_ih, wider), (w_hh, spare)))
        length, clips, width = sequence.shape
        gates = torch.addmm(bias, sequence.reshape(length * clips, width), w_ih.t())
        sequence = Recurrence.apply(gates.view(length, clips, -1), w_hh)  # type: ignore[no-untyped-call]
    return sequence[:, :, : lstm.hidden_size].transpose(0, 1)


def is_faster(lstm: nn.LSTM, frames: Tensor) -> bool:
    """Whether ``run_lstm`` beats torch's own for this input: wide, in bfloat16 autocast, on a CPU."""
    lowered = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return lowered and frames.device.type == "cpu" and lstm.hidden_size >= WIDE


def _reordered(parameter: Tensor, spare: int) -> Tensor:
    """Bring torch's gates (input, forget, cell, output) into our order, each with ``spare`` rows of zeros."""
    gate_in, forget, new, out = parameter.chunk(4)
    below = (0, spare) if parameter.ndim == 1 else (0, 0, 0, spare)
    return torch.cat([nn.functional.pad(part, below) for part in (gate_in, forget, out, new)])
