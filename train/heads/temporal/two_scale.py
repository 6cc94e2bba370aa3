"""A temporal model: attention at two scales, within windows of some frames and over the whole clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

WINDOW = 16  # frames
HEADS = (4, 2, 1)  # as many as divide the units


class TwoScaleAttention(nn.Module):
    """Layers of attention at two scales, then the mean over the valid frames, weighted by a softmax of scores.

    The idea of two scales is that of DSAML, of which no code is published: all that follows is our reading.
    """

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.layers = nn.ModuleList(TwoScaleLayer(hidden) for _ in range(layers))
        self.score = nn.Linear(hidden, 1)
        self.output_width = hidden

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the weighted mean of what the layers make of each clip's valid frames."""
        frames = nn.functional.pad(frames, (0, 0, 0, -frames.shape[1] % WINDOW))
        valid = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        seen = self.project(frames.masked_fill(~valid[:, :, None], 0))
        for layer in self.layers:
            seen = layer(seen, valid)
        wide = torch.promote_types(seen.dtype, torch.float32)
        scores = self.score(seen).to(wide).masked_fill(~valid[:, :, None], -torch.inf)
        weighted: Tensor = scores.softmax(1) * seen
        return weighted.sum(1)


class TwoScaleLayer(nn.Module):
    """x = LN(x + O₁ local + O₂ global); x = LN(x + Linear(ReLU(Linear(x)))).

    Local: each frame asks the frames of its own window of 16, which know their place in it. Global: each frame
    asks the means of all windows of the clip, so that the cost grows with frames² / 16.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.heads = next(heads for heads in HEADS if hidden % heads == 0)
        self.places = nn.Parameter(0.02 * torch.randn(WINDOW, hidden))
        self.local = nn.Linear(hidden, 3 * hidden)
        self.ask, self.answer = nn.Linear(hidden, hidden), nn.Linear(hidden, 2 * hidden)
        self.join = nn.Linear(2 * hidden, hidden)
        self.widen, self.narrow = nn.Linear(hidden, 2 * hidden), nn.Linear(2 * hidden, hidden)
        self.norm_attention, self.norm_network = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Return (clips, frames, hidden) of as many frames, whole windows of them; ``valid`` is (clips, frames)."""
        windows, held = (each.view(len(each), -1, WINDOW, *each.shape[2:]) for each in (frames, valid))
        # A frame behind a clip asks itself: nobody reads it, and a softmax over nothing is not a number.
        alone = torch.eye(WINDOW, dtype=torch.bool, device=valid.device)
        query, key, value = self.local(windows + self.places).chunk(3, dim=3)
        near = self._attention(query, key, value, held[:, :, None, None] | alone)
        count = held.sum(2)[:, :, None]
        means = (windows * held[..., None]).sum(2) / count.clamp(min=1)
        key, value = self.answer(means).chunk(2, dim=2)
        far = self._attention(self.ask(frames), key, value, (count > 0).transpose(1, 2)[:, None])
        frames = self.norm_attention(frames + self.join(torch.cat([near.flatten(1, 2), far], dim=2)))
        return self.norm_network(frames + self.narrow(self.widen(frames).relu()))  # type: ignore[no-any-return]

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Return (…, queries, hidden); ``mask`` says which keys each may ask."""
        query, key, value = (
            each.view(*each.shape[:-1], self.heads, -1).transpose(-2, -3) for each in (query, key, value)
        )
        return scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(-2, -3).flatten(-2)
