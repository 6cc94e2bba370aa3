"""The recurrence of a selective state space: some frames at a time, so that its states never fill the memory.

hₜ = exp(Δₜ A) ⊙ hₜ₋₁ + Δₜ xₜ Bₜ and yₜ = hₜ Cₜ. A state has inner · 16 values a clip and frame: those of all frames
would take a gigabyte a layer. Kept are the states that a chunk begins with; backward, the chunk is computed again.
Within a chunk everything but one product and sum a frame is done for all its frames at once.

Source: Gu, Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752, which does
the same on CUDA.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_VALUES = 1 << 18  # of the states of a chunk: what a core holds close by


class SelectiveScan(torch.autograd.Function):
    """y (frames, clips, inner) from Δ x, Δ, B, C and A, all in one dtype of at least 32 bits."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, steps: Tensor, into: Tensor, out_of: Tensor, rates: Tensor
    ) -> Tensor:
        """Return y.

        Args:
            ctx: of autograd.
            inputs: (frames, clips, inner), Δ x.
            steps: (frames, clips, inner), Δ.
            into: (frames, clips, states), B.
            out_of: (frames, clips, states), C.
            rates: (states, inner), A; this way round values of one state lie side by side, which is faster.
        """
        outputs, begins = torch.empty_like(inputs), []
        space = _Space(inputs, rates)
        state = inputs.new_zeros(inputs.shape[1], *rates.shape)
        for part in space.parts:
            begins.append(state)
            states, _ = space.states(state, inputs[part], steps[part], into[part], rates)
            outputs[part] = (out_of[part][:, :, None] @ states[1:]).squeeze(2)
            state = states[-1].clone()
        ctx.save_for_backward(inputs, steps, into, out_of, rates, *begins)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of all inputs."""
        inputs, steps, into, out_of, rates, *begins = ctx.saved_tensors
        of_inputs, of_steps, of_into, of_out = (
            torch.empty_like(each) for each in (inputs, steps, into, out_of)
        )
        of_rates, coming = torch.zeros_like(rates), torch.zeros_like(begins[0])
        space = _Space(inputs, rates)
        spare, other = space.empty(), space.empty()
        for part, first in zip(reversed(space.parts), reversed(begins), strict=True):
            given = grad[part][:, :, None]
            states, decay = space.states(first, inputs[part], steps[part], into[part], rates)
            of_states, product = spare[: len(decay)], other[: len(decay)]
            of_out[part] = torch.mul(states[1:], given, out=product).sum(3)
            # Of each state: through its own output, and through the states that follow.
            torch.mul(given, out_of[part][..., None], out=of_states)
            for of_state, factor in zip(reversed(of_states.unbind()), reversed(decay.unbind()), strict=True):
                of_state.add_(coming)
                torch.mul(factor, of_state, out=coming)
            of_inputs[part] = (into[part][:, :, None] @ of_states).squeeze(2)
            of_into[part] = torch.mul(of_states, inputs[part][:, :, None], out=product).sum(3)
            of_exponents = of_states.mul_(states[:-1]).mul_(decay)
            of_steps[part] = torch.mul(of_exponents, rates, out=product).sum(2)
            of_rates += of_exponents.mul_(steps[part][:, :, None]).sum((0, 1))
        return of_inputs, of_steps, of_into, of_out, of_rates


class _Space:
    """Room for the states of a chunk, used for one after the other.

    Attributes:
        parts: the frames of each chunk.
    """

    def __init__(self, inputs: Tensor, rates: Tensor) -> None:
        frames, clips, inner = inputs.shape
        length = min(frames, max(1, CHUNK_VALUES // (clips * rates.numel())))
        self.parts = [slice(first, min(first + length, frames)) for first in range(0, frames, length)]
        self._states = inputs.new_empty(length + 1, clips, len(rates), inner)
        self._decay = self.empty()

    def empty(self) -> Tensor:
        """Return more room for the states of a chunk."""
        return torch.empty_like(self._states[1:])

    def states(
        self, first: Tensor, inputs: Tensor, steps: Tensor, into: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the states of a chunk after ``first``, itself before them, and the decay from each to the next.

        Both are valid until the next chunk: (frames + 1, clips, states, inner) and (frames, …).
        """
        states, decay = self._states[: len(inputs) + 1], self._decay[: len(inputs)]
        torch.mul(steps[:, :, None], rates, out=decay).exp_()
        states[0] = first
        torch.mul(inputs[:, :, None], into[..., None], out=states[1:])
        before, *after = states.unbind()
        for factor, state in zip(decay.unbind(), after, strict=True):
            state.addcmul_(factor, before)
            before = state
        return states, decay
