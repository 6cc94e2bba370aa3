"""The heads for arousal, dominance and valence: three layouts that are published, each for frames and for clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cache.format.schema import VAD_DIMS

if TYPE_CHECKING:
    from extract.encoders.speech.layout import Layout

LOCAL = 51  # frames that one frame's value is pooled over where a head pools before it decides: a second
STD_CLAMP = 1e-5  # of a variance, below which rounding decides
WIDTH = 256  # of Vox-Profile's hidden layers


class VadHead(nn.Module):
    """A head of an encoder with H values a frame.

    ``forward`` maps its frames (clips, frames, H) float32 and how many of them each clip has to what the head says
    of every frame (clips, frames, 3) and of every clip (clips, 3), in the checkpoint's own order of the three.

    Attributes:
        prefix: what the names of its weights begin with.
    """

    prefix = ""

    def shares(self) -> Tensor | None:
        """Return (layers + 1,), how much of each layer its input is, from the first block's input on; None for the
        encoder's output alone."""
        return None


class RegressionHead(VadHead):
    """audEERING's: dense, tanh, out_proj, of every frame, and of the mean over a clip's frames.

    Wagner et al., arXiv 2203.07378; the dropouts of training are left out.
    """

    prefix = "classifier."

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.dense = nn.Linear(layout.hidden, layout.hidden)
        self.out_proj = nn.Linear(layout.hidden, len(VAD_DIMS))

    def forward(self, states: Tensor, frames: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the values of frames and clips."""
        means = torch.stack([states[row, :count].mean(dim=0) for row, count in enumerate(frames)])
        return self._decide(states), self._decide(means)

    def _decide(self, hidden: Tensor) -> Tensor:
        return torch.as_tensor(self.out_proj(torch.tanh(self.dense(hidden))))


class StatisticsHead(VadHead):
    """The baseline of the Odyssey 2024 challenge: attentive mean and standard deviation of a clip, then an MLP.

    Its weights: ``pool_model.sap_linear``, ``pool_model.attention``, ``ser_model.fc.N.0`` (linear), ``.1`` (layer
    norm), ``ser_model.out.0``. With a = softmax over the clip of tanh(W x + b) · v, the mean is Σ a x and the
    variance Σ a x² - mean², not below 1e-5.

    A single frame has no standard deviation. So the value of a frame is the same head's over the second around it,
    with the same attention weights, scaled to a sum of 1 there: our own choice, there is none by the authors.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        hidden = layout.hidden
        self.pool_model = nn.Module()
        self.pool_model.sap_linear = nn.Linear(hidden, hidden)
        self.pool_model.attention = nn.Parameter(torch.zeros(hidden, 1))
        self.ser_model = nn.Module()
        self.ser_model.fc = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden if n else 2 * hidden, hidden), nn.LayerNorm(hidden), nn.ReLU())
            for n in range(int(layout.head_values["classifier_hidden_layers"]))
        )
        self.ser_model.out = nn.Sequential(nn.Linear(hidden, len(VAD_DIMS)))

    def forward(self, states: Tensor, frames: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the values of frames and clips."""
        pool: Any = self.pool_model
        values = states.new_zeros(*states.shape[:2], len(VAD_DIMS))
        clips = []
        for row, count in enumerate(frames):
            own = states[row, :count]
            scores = (torch.tanh(pool.sap_linear(own)) @ pool.attention).double()
            weights = torch.exp(scores - scores.max())
            clips.append(self._decide(_statistics(own, weights)))
            values[row, :count] = self._decide(_statistics(own, weights, LOCAL))
        return values, torch.cat(clips)

    def _decide(self, hidden: Tensor) -> Tensor:
        network: Any = self.ser_model
        for block in network.fc:
            hidden = block(hidden)
        return torch.as_tensor(network.out(hidden))


def _statistics(states: Tensor, weights: Tensor, local: int = 0) -> Tensor:
    """Return [mean, standard deviation] of (frames, H) under weights (frames, 1), float32.

    (1, 2 H) of all frames, or (frames, 2 H) of the ``local`` ones around each.
    """
    states = states.double()
    weighted = torch.cat([weights * states, weights * states.square(), weights], dim=1)
    if local:
        pooled = nn.functional.avg_pool1d(weighted.T[None], local, stride=1, padding=local // 2)[0].T
    else:
        pooled = weighted.sum(dim=0, keepdim=True)
    mean, square = (pooled[:, :-1] / pooled[:, -1:].clamp_min(1e-300)).chunk(2, dim=1)
    deviation = (square - mean.square()).clamp_min(STD_CLAMP).sqrt()
    return torch.cat([mean, deviation], dim=1).float()


class VoxProfileHead(VadHead):
    """Vox-Profile's: a weighted sum of all layers, three convolutions of width 1, and an MLP with a sigmoid each.

    Its weights: ``weights``, ``model_seq.0``, ``.3``, ``.6``, and ``arousal_layer``, ``valence_layer``,
    ``dominance_layer`` with ``.0`` and ``.2``. A clip's value is the MLPs' of the mean over its frames, a frame's
    the same of that frame.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._all = bool(
            layout.head_values["use_conv_output"]
        )  # the first block's input counts as a layer too
        self.weights = nn.Parameter(torch.zeros(layout.num_layers + self._all))
        widths = (layout.hidden, WIDTH, WIDTH, WIDTH)
        self.model_seq = nn.ModuleDict({str(3 * n): nn.Conv1d(widths[n], widths[n + 1], 1) for n in range(3)})
        for dim in VAD_DIMS:
            parts = {"0": nn.Linear(WIDTH, WIDTH), "2": nn.Linear(WIDTH, 1)}
            self.add_module(f"{dim}_layer", nn.ModuleDict(parts))

    def shares(self) -> Tensor:
        """Return the softmax over the layers; 0 for the first block's input where it does not count."""
        shares = torch.softmax(self.weights.detach(), dim=0)
        return shares if self._all else torch.cat([shares.new_zeros(1), shares])

    def forward(self, states: Tensor, frames: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the values of frames and clips."""
        hidden = states.transpose(1, 2)
        for name, layer in self.model_seq.items():
            hidden = layer(torch.relu(hidden) if name != "0" else hidden)
        hidden = hidden.transpose(1, 2)
        means = torch.stack([hidden[row, :count].mean(dim=0) for row, count in enumerate(frames)])
        return self._decide(hidden), self._decide(means)

    def _decide(self, hidden: Tensor) -> Tensor:
        values = []
        for dim in VAD_DIMS:
            layer = self.get_submodule(f"{dim}_layer")
            values.append(torch.sigmoid(layer["2"](torch.relu(layer["0"](hidden)))))  # type: ignore[index]
        return torch.cat(values, dim=-1)


HEADS: dict[str, Callable[[Layout], VadHead]] = {
    "audeering": RegressionHead,
    "statistics": StatisticsHead,
    "vox-profile": VoxProfileHead,
}


def make_head(layout: Layout) -> VadHead:
    """Return the head of a layout, with weights that are all to be replaced."""
    return HEADS[layout.head](layout)
