"""A temporal model: selective state spaces in each direction, each read where it has read the whole clip."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from train.heads.temporal.model import at_last_frame
from train.heads.temporal.selective_scan import SelectiveScan

STATES, EXPAND, KERNEL = 16, 2, 4  # as published
SHORTEST, LONGEST = 1e-3, 1e-1  # steps Δ at the start, log-uniform


class TwoWayMamba(nn.Module):
    """Layers of selective state spaces in each direction, each read at the frame where it has read the whole clip.

    The frames are projected to ``hidden`` channels first. The backward layers run over each clip turned round, so
    that its padding comes last there too; nothing here looks ahead. The two are joined at the end.
    """

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.forward_layers = nn.ModuleList(MambaLayer(hidden) for _ in range(layers))
        self.backward_layers = nn.ModuleList(MambaLayer(hidden) for _ in range(layers))
        self.output_width = 2 * hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the forward layers' output at the last valid frame joined with the backward ones' at the first."""
        one = self.project(frames)
        time = torch.arange(frames.shape[1], device=frames.device)
        turned = torch.where(time < lengths[:, None], lengths[:, None] - 1 - time, time)[:, :, None]
        two = one.gather(1, turned.expand_as(one))
        for ahead, back in zip(self.forward_layers, self.backward_layers, strict=True):
            one, two = ahead(one), back(two)
        return torch.cat([at_last_frame(one, lengths), at_last_frame(two, lengths)], dim=1)


class MambaLayer(nn.Module):
    """x + Mamba(RMSNorm(x)), with hₜ = exp(Δ A) hₜ₋₁ + Δ B xₜ and yₜ = C hₜ + D xₜ inside; Δ, B and C depend on xₜ.

    Tensors have the names and shapes of the usual code: ``A_log``, ``dt_proj.bias`` and so on.

    Source: Gu, Dao, arXiv 2312.00752, figure 3 and algorithm 2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner, self.rank = EXPAND * width, math.ceil(width / 16)
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, KERNEL, groups=inner, padding=KERNEL - 1)
        self.x_proj = nn.Linear(inner, self.rank + 2 * STATES, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.arange(1, STATES + 1).float().log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        steps = (SHORTEST * (LONGEST / SHORTEST) ** torch.rand(inner)).clamp(min=1e-4)
        with torch.no_grad():
            self.dt_proj.bias.copy_(steps + (-torch.expm1(-steps)).log())  # softplus of it is a step

    def forward(self, frames: Tensor) -> Tensor:
        """Return (clips, frames, width) of frames (clips, frames, width); none has an effect on those before."""
        frames = frames.to(torch.promote_types(frames.dtype, torch.float32))  # what layers add to stays wide
        sequence = self.norm(frames).transpose(0, 1)
        given, gate = self.in_proj(sequence).chunk(2, dim=2)
        taken = nn.functional.silu(self._convolved(given))
        steps, into, out_of = self.x_proj(taken).split([self.rank, STATES, STATES], dim=2)
        steps = nn.functional.softplus(self.dt_proj(steps))
        with torch.autocast(frames.device.type, enabled=False):
            # States sum over all frames.
            taken, steps, into, out_of = (each.to(frames.dtype) for each in (taken, steps, into, out_of))
            found: Tensor = SelectiveScan.apply(
                steps * taken, steps, into, out_of, -self.A_log.exp().t().contiguous()
            )  # type: ignore[no-untyped-call]
            found = (found + self.D * taken) * nn.functional.silu(gate.to(frames.dtype))
        return frames + self.out_proj(found).transpose(0, 1)  # type: ignore[no-any-return]

    def _convolved(self, sequence: Tensor) -> Tensor:
        """Return each channel's convolution over the last frames, (frames, clips, inner), as sums of products."""
        padded = nn.functional.pad(sequence, (0, 0, 0, 0, KERNEL - 1, 0))
        weights = self.conv1d.weight[:, 0].unbind(1)
        total = cast(Tensor, self.conv1d.bias)
        for place, weight in enumerate(weights):
            total = total + padded[place : place + len(sequence)] * weight
        return total
