"""Faster equivalents for bfloat16 on a CPU: convolutions and attention as plain matrix products.

Measured on two cores against what torch does by itself, with the same error: the positional convolution takes
half the time, attention less than half, and the convolutions lose their transpositions. In float32 torch's
own kernels are as fast, so they stay.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

ATTENTION = "matrix_products"
MAX_SCORES = 1 << 18  # of a head at once: a clip of 10 s whole, longer ones in parts that stay in the cache


class MatrixConvolution(nn.Module):
    """A 1-D convolution as matrix products over windows that overlap in memory, so that none is copied.

    Takes and returns (clips, channels, samples) as torch's does; what it returns lies channels-last in
    memory, as the norm and the convolution that follow want it.
    """

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.kernel_size, self.stride = convolution.kernel_size, convolution.stride
        self.out_channels = convolution.out_channels
        self._padding, self._groups = int(convolution.padding[0]), convolution.groups
        outer, inner, kernel = convolution.weight.shape
        weight = convolution.weight.detach().view(self._groups, outer // self._groups, inner, kernel)
        self.weight = nn.Parameter(weight.transpose(2, 3).flatten(2).contiguous(), requires_grad=False)
        self.bias = convolution.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Convolve."""
        rows = nn.functional.pad(inputs.transpose(1, 2), (0, 0, self._padding, self._padding))
        parts = [self._group(part, number) for number, part in enumerate(rows.chunk(self._groups, dim=2))]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)).transpose(1, 2)

    def _group(self, rows: Tensor, number: int) -> Tensor:
        """Convolve the channels of one group, (clips, samples, channels)."""
        rows = rows.to(self.weight.dtype).contiguous()
        clips, samples, channels = rows.shape
        kernel, stride = self.kernel_size[0], self.stride[0]
        count = (samples - kernel) // stride + 1
        bias = None if self.bias is None else self.bias.chunk(self._groups)[number]
        windows = rows.as_strided(
            (clips, count, kernel * channels),
            (samples * channels, stride * channels, 1),
            rows.storage_offset(),
        )
        if clips == 1:  # in two dimensions torch copies no window
            return nn.functional.linear(windows[0], self.weight[number], bias)[None]
        return torch.stack([nn.functional.linear(one, self.weight[number], bias) for one in windows])


def attention(
    _layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend with two matrix products and a softmax, called as transformers calls its attention functions.

    Args:
        query, key, value: (clips, heads, frames, width).
        mask: (clips, 1, frames, frames), true where a frame may be looked at, or numbers to be added to the
            scores; None for everywhere.
        options: ``scaling``, and what is of no use here.

    Returns:
        (clips, frames, heads, width), and no weights.
    """
    rows = max(1, MAX_SCORES // key.shape[2])
    query, key, value = (query * options["scaling"]).contiguous(), key.contiguous(), value.contiguous()
    outputs = []
    with torch.autocast(query.device.type, enabled=False):  # it would copy the scores for their softmax
        for start in range(0, query.shape[2], rows):
            scores = query[:, :, start : start + rows] @ key.transpose(2, 3)
            if mask is not None:
                seen = mask[:, :, start : start + rows]
                scores = (
                    scores.masked_fill(~seen, float("-inf")) if seen.dtype == torch.bool else scores + seen
                )
            outputs.append(scores.softmax(dim=3) @ value)
    output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)
    return output.transpose(1, 2), None


def quicken(model: Any) -> None:
    """Have a model compute its convolutions this way, and its attention where that is transformers' own."""
    AttentionInterface.register(ATTENTION, attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    if model.config._attn_implementation == "sdpa":  # WavLM has an attention of its own
        model.set_attn_implementation(ATTENTION)
    for holder in (*model.feature_extractor.conv_layers, model.encoder.pos_conv_embed):
        holder.conv = MatrixConvolution(holder.conv)
