"""Long clips in bounded memory: exact convolutions in chunks, attention in windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cache.format.schema import FRAME_SHIFT
from extract.encoders.base import WHOLE_SECONDS
from extract.encoders.speech.layout import Layout
from extract.encoders.speech.recipe import CONTEXT_SECONDS
from extract.encoders.speech.windows import windows as windows_of

WINDOW = round(WHOLE_SECONDS / FRAME_SHIFT)  # frames the transformer sees at once
CONTEXT = round(CONTEXT_SECONDS / FRAME_SHIFT)  # frames at either end of a window, computed and thrown away


def convolve(extractor: Any, inputs: Tensor, layout: Layout, chunk: int) -> Tensor:
    """Run a convolutional feature encoder over its input in chunks; the result is that of one pass.

    Args:
        extractor: the ``feature_extractor`` of a wav2vec 2.0, HuBERT or WavLM.
        inputs: (clips, samples).
        layout: of the encoder.
        chunk: frames per chunk; 0 for one pass while the clip is no longer than a window. A chunk gets every
            sample its frames are computed from, so nothing is cut. The last one is filled up: all chunks have
            one shape, and a frame is rounded the same however long its clip and its batch mates are.

    Returns:
        (clips, frames, channels). Group norm, which runs over the whole clip, is first measured in chunks.
    """
    frames = layout.num_frames(inputs.shape[1])
    if frames <= WINDOW and (chunk == 0 or layout.equal_lengths):
        return torch.as_tensor(extractor(inputs)).transpose(1, 2)
    chunk = chunk or WINDOW
    run = _with_group_norm_of(extractor, inputs) if layout.equal_lengths else extractor
    step, overlap = chunk * layout.stride, layout.receptive_field - layout.stride
    inputs = nn.functional.pad(inputs, (0, -(-frames // chunk) * step + overlap - inputs.shape[1]))
    parts = [
        run(inputs[:, start : start + step + overlap]) for start in range(0, inputs.shape[1] - overlap, step)
    ]
    return torch.cat(parts, dim=2)[:, :, :frames].transpose(1, 2)


def _with_group_norm_of(extractor: Any, inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the extractor with its group norm fixed to mean and variance of the first layer's whole output."""
    first, *others = extractor.conv_layers
    kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
    outputs = (inputs.shape[1] - kernel) // stride + 1
    total = torch.zeros((len(inputs), first.conv.out_channels, 1), dtype=torch.float64, device=inputs.device)
    squares, step = total.clone(), 1 << 16
    for start in range(0, outputs, step):
        stop = (min(outputs, start + step) - 1) * stride + kernel
        values = first.conv(inputs[:, None, start * stride : stop]).double()
        total += values.sum(dim=2, keepdim=True)
        squares += values.square().sum(dim=2, keepdim=True)
    mean = total / outputs
    spread = (squares / outputs - mean.square()).clamp_min(0)
    norm = first.layer_norm
    scale = norm.weight[:, None] / (spread + norm.eps).sqrt().float()
    shift = norm.bias[:, None] - mean.float() * scale

    def run(part: Tensor) -> Tensor:
        hidden = first.activation(first.conv(part[:, None]) * scale + shift)
        for layer in others:
            hidden = layer(hidden)
        return torch.as_tensor(hidden)

    return run


def windows(frames: int) -> Iterator[tuple[slice, slice]]:
    """Yield the windows over a clip: see ``extract.encoders.speech.windows``."""
    return windows_of(frames, WINDOW, CONTEXT)
