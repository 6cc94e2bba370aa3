"""A GRU on a CPU: the equations of torch's, faster.

torch trains a GRU on a CPU operation by operation, with autograd's records between them: a step took twice the
time of an LSTM's, which oneDNN has a kernel for. Here everything that does not depend on the previous frame is
one product over all frames (input gates, and the gradients of weights and inputs), and the derivatives of all
gates are taken at once; what goes frame by frame is one product and four small operations forward, one product
and two backward. The order of the axes is (frames, units, clips): the parts of a frame then lie in one piece,
and products over all frames are convolutions of one frame, which oneDNN does at twice the speed of MKL's
products on some CPUs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

NARROW = 192  # units up to which this is faster in float32 than torch's own in bfloat16
WIDE = 96  # units from which oneDNN's product of a single frame is faster, where there is one
_ops: Any = torch.ops
_onednn: Any = torch.backends.mkldnn
_PRODUCT: Any = getattr(_ops.mkldnn, "_linear_pointwise", None) if _onednn.is_available() else None


class Layer(torch.autograd.Function):
    """One GRU layer; gates lie in the order reset, update, new."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor, bias_new: Tensor
    ) -> Tensor:
        """Return the outputs (frames, hidden, clips).

        The rows of "new" are doubled everywhere: tanh(a) is 2 · sigmoid(2 a) - 1, and torch's sigmoid is faster.

        Args:
            ctx: of autograd.
            inputs: (frames, width, clips).
            w_ih: (3 · hidden, width) of the inputs.
            w_hh: (3 · hidden, hidden) of the frame before.
            bias: (3 · hidden,) sum of both, but for ``bias_new``.
            bias_new: (hidden,) the recurrent one that the reset gate multiplies.
        """
        gates = nn.functional.conv1d(inputs, w_ih[:, :, None], bias)
        frames, hidden, clips = gates.shape[0], w_hh.shape[1], gates.shape[2]
        acts = gates.new_empty(frames, 4 * hidden, clips)  # reset, update, recurrent part of new, new
        acts[:, : 2 * hidden] = gates[:, : 2 * hidden]
        acts[:, 2 * hidden : 3 * hidden] = bias_new[:, None]
        acts[:, 3 * hidden :] = gates[:, 2 * hidden :]
        outputs = gates.new_zeros(frames + 1, hidden, clips)
        recurrent, squashed = acts[:, : 3 * hidden].unbind(), acts[:, : 2 * hidden].unbind()
        resets, updates, parts, news = (gate.unbind() for gate in acts.chunk(4, dim=1))
        minus_one, wide = gates.new_tensor(-1.0), _is_wide(w_hh)
        before, *after = outputs.unbind()
        for t, output in enumerate(after):
            if wide:
                recurrent[t].add_(_PRODUCT(w_hh, before.t(), None, "none", [], ""))
            else:
                recurrent[t].addmm_(w_hh, before)
            squashed[t].sigmoid_()
            new = news[t].addcmul_(resets[t], parts[t]).sigmoid_()
            torch.add(minus_one, new, alpha=2, out=new)
            before = torch.lerp(new, before, updates[t], out=output)
        ctx.save_for_backward(inputs, w_ih, w_hh, acts, outputs)
        return outputs[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of inputs, weights and biases."""
        inputs, w_ih, w_hh, acts, outputs = ctx.saved_tensors
        frames, hidden, clips = grad_outputs.shape
        reset, update, part, new = acts.chunk(4, dim=1)
        # By which factors an output's gradient becomes that of each gate's input: all at once, before the loop.
        slopes = acts.new_empty(frames, 3 * hidden, clips)
        of_new = _ops.aten.tanh_backward(1 - update, new).mul_(0.5)
        _sigmoid_slope(of_new * part, reset, slopes[:, :hidden])
        _sigmoid_slope(outputs[:-1] - new, update, slopes[:, hidden : 2 * hidden])
        torch.mul(of_new, reset, out=slopes[:, 2 * hidden :])
        grads, transposed, wide = _own_copy(grad_outputs), w_hh.t().contiguous(), _is_wide(w_hh)
        by_gate = slopes.view(frames, 3, hidden, clips).unbind()
        slope, grad, updates = slopes.unbind(), grads.unbind(), update.unbind()
        for t in range(frames - 1, -1, -1):
            by_gate[t].mul_(grad[t])
            if t and wide:
                earlier = grad[t - 1].addcmul_(grad[t], updates[t])
                earlier += _PRODUCT(transposed, slope[t].t(), None, "none", [], "")
            elif t:
                grad[t - 1].addcmul_(grad[t], updates[t]).addmm_(transposed, slope[t])
        _, grad_w_hh = _convolved_back(slopes, outputs[:-1], w_hh, of_inputs=False)
        grad_bias_new = slopes[:, 2 * hidden :].sum((0, 2))
        # From here on "new" has the gradients of its inputs' part, in place of its recurrent part.
        torch.mul(grads, of_new, out=slopes[:, 2 * hidden :])
        grad_inputs, grad_w_ih = _convolved_back(slopes, inputs, w_ih, ctx.needs_input_grad[0])
        return grad_inputs, grad_w_ih, grad_w_hh, slopes.sum((0, 2)), grad_bias_new


def run_gru(gru: nn.GRU, frames: Tensor) -> Tensor:
    """Return the last layer's outputs (clips, frames, hidden) of a one-directional ``batch_first`` GRU.

    All is computed in the weights' dtype, in autocast too.

    Args:
        gru: gives the weights; they get their gradients as usual.
        frames: (clips, frames, width), on a CPU.
    """
    hidden, names = gru.hidden_size, ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    with torch.autocast("cpu", enabled=False):
        sequence = frames.to(next(gru.parameters()).dtype).permute(1, 2, 0).contiguous()
        for layer in range(gru.num_layers):
            w_ih, w_hh, b_ih, b_hh = (_doubled(getattr(gru, f"{name}_l{layer}")) for name in names)
            bias = b_ih + nn.functional.pad(b_hh[: 2 * hidden], (0, hidden))
            sequence = Layer.apply(sequence, w_ih, w_hh, bias, b_hh[2 * hidden :])  # type: ignore[no-untyped-call]
    return sequence.permute(2, 0, 1)


def is_faster(gru: nn.GRU, frames: Tensor) -> bool:
    """Whether ``run_gru`` beats torch's own for this input.

    It does on a CPU with oneDNN, in float32 at every size measured (32 to 1027 units); in bfloat16 autocast up
    to ``NARROW`` units, where float32 here takes less time than bfloat16 there.
    """
    if frames.device.type != "cpu" or not _onednn.is_available():
        return False
    return not torch.is_autocast_enabled("cpu") or gru.hidden_size <= NARROW


def _doubled(parameter: Tensor) -> Tensor:
    """Double the last third, the rows of "new"."""
    reset, update, new = parameter.chunk(3)
    return torch.cat([reset, update, 2 * new])


def _is_wide(weight: Tensor) -> bool:
    return _PRODUCT is not None and weight.shape[1] >= WIDE and weight.dtype == torch.float32


def _own_copy(values: Tensor) -> Tensor:
    return values.clone(memory_format=torch.contiguous_format)


def _sigmoid_slope(factor: Tensor, output: Tensor, out: Tensor) -> None:
    """Write factor · output · (1 - output)."""
    _ops.aten.sigmoid_backward.grad_input(factor, output, grad_input=out)


def _convolved_back(
    grads: Tensor, inputs: Tensor, weight: Tensor, of_inputs: bool
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of inputs and weight of a convolution of one frame."""
    kernel, mask = weight[:, :, None], (of_inputs, True, False)
    grad_inputs, grad_weight, _ = _ops.aten.convolution_backward(
        grads, inputs, kernel, None, [1], [0], [1], False, [0], 1, mask
    )
    return grad_inputs, grad_weight[:, :, 0]
