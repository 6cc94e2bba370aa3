"""The method's head: temporal model, global mean and their fusion.

Source: Hallmen, Deuser, Oswald, André, "Unimodal Multi-Task Fusion for Emotional Mimicry Intensity
Prediction", arXiv 2403.11879.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from train.errors import ConfigError
from train.heads.components import Components
from train.heads.layers import layer_sum
from train.heads.registry import FUSIONS, MOST_LAYERS, MOST_UNITS, TEMPORAL_MODELS
from train.heads.standardise import Standardise
from train.heads.temporal.model import TemporalModel

PLAIN_FUSION = "linear"  # with the component switched off
LATER = {
    "fusion": "concat",
    "standardise": False,
    "clip_width": None,
    "dropout": 0.0,
    "components": 0,
    "layers": 0,
    "layer_width": 0,
}
MOST = {"width": 1_000_000, "targets": 100_000, "lstm_layers": MOST_LAYERS}
MOST_IF_GIVEN = {"clip_width": 10_000_000, "hidden": MOST_UNITS}
Made_co = TypeVar("Made_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class HeadShape:
    """What fixes the tensors of a head.

    Attributes:
        width: channels of a frame and of the global mean, 1027 with the real encoder and VAD; of one layer.
        targets: number of intensities.
        hidden: units of the temporal model; None takes ``width``.
        lstm_layers: its layers.
        global_mean: whether the global mean feeds the head.
        fusion_head: fuse them by ``fusion``; off, by one linear layer.
        lstm: whether the temporal model's output feeds the head.
        temporal: name of the temporal model; the method's is "lstm".
        fusion: name of the fusion; the method's is "concat".
        standardise: whether it standardises its inputs first, as the clips it was trained on say.
        clip_width: values of the vector that sums up a clip; None takes ``width``, as a global mean has.
        dropout: share of the values that reach the fusion which is left out at random in training.
        components: how many principal components of the frames its clip vectors describe; 0 for none.
        layers: how many encoder layers it is given, to take a weighted sum of; 0 where it takes one as it is.
        layer_width: channels of each of those.

    Raises:
        ConfigError: if neither the LSTM nor the global mean feeds the head, or a size is out of range.
    """

    width: int
    targets: int
    hidden: int | None = None
    lstm_layers: int = 2
    global_mean: bool = True
    fusion_head: bool = True
    lstm: bool = True
    temporal: str = "lstm"
    fusion: str = "concat"
    standardise: bool = False
    clip_width: int | None = None
    dropout: float = 0.0
    components: int = 0
    layers: int = 0
    layer_width: int = 0

    def __post_init__(self) -> None:
        if not (self.lstm or self.global_mean):
            raise ConfigError("a head needs the LSTM, the global mean, or both")
        for name, most in {**MOST, **MOST_IF_GIVEN}.items():
            value = getattr(self, name)
            if value is None and name in MOST_IF_GIVEN:
                continue
            if not (type(value) is int and 1 <= value <= most):
                raise ConfigError(f"{name} of a head: found {value!r}, expected 1 to {most:,}")
        if not (type(self.dropout) in (int, float) and 0 <= self.dropout < 1):
            raise ConfigError(f"dropout of a head: found {self.dropout!r}, expected at least 0 and below 1")
        if not (type(self.components) is int and 0 <= self.components <= self.width):
            raise ConfigError(
                f"components of a head: found {self.components!r}, expected 0 to its width, {self.width}"
            )
        self._check_layers()

    def _check_layers(self) -> None:
        sizes = (self.layers, self.layer_width)
        if sizes == (0, 0):
            return
        valid = all(type(each) is int for each in sizes) and 1 <= self.layers <= MOST_LAYERS
        if not (valid and 1 <= self.layer_width <= self.width) or self.clip_width or self.components:
            raise ConfigError(
                f"layers of a head: found {self.layers!r} of {self.layer_width!r} channels, expected 1 to "
                f"{MOST_LAYERS:,} of 1 to {self.width}, and the global mean as its clip vector"
            )

    @property
    def given_width(self) -> int:
        """Channels of a frame, and of a global mean, as they are given: of all layers where they are summed."""
        return self.width + max(0, self.layers - 1) * self.layer_width

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values; what older heads do not name, at its value for them, is left out."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if (name, value) not in LATER.items()}

    def head(self) -> FusionHead:
        """Return a head of this shape."""
        return FusionHead(self)


class Inputs(nn.Module):
    """What comes before the fusion: the clip vector and the temporal model's output, as far as a shape has them.

    Attributes:
        shape: what fixes its tensors.
        widths: values of each of the vectors.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        if shape.standardise:
            self.standardise = Standardise(shape.given_width, shape.clip_width or shape.given_width)
        if shape.layers:
            self.layer_weights = nn.Parameter(torch.zeros(shape.layers))  # equal shares
        if shape.components:
            self.components = Components(shape.width, shape.components)
        self.widths = [shape.clip_width or shape.width] if shape.global_mean else []
        if shape.lstm:
            make = TEMPORAL_MODELS.get(shape.temporal)
            self.add_module(shape.temporal, make(shape.width, shape.hidden or shape.width, shape.lstm_layers))
            self.widths.append(self.temporal.output_width)

    @property
    def temporal(self) -> TemporalModel:
        """The temporal model; there is none with ``lstm`` off."""
        return cast(TemporalModel, self.get_submodule(self.shape.temporal))

    def clip_vector(self, global_mean: Tensor | None) -> Tensor:
        """Return the vectors that sum up the clips (clips, clip width) as the fusion takes them.

        Raises:
            ConfigError: if there are none.
        """
        clips = _given(global_mean, "global mean")
        return self._summed(self.standardise.clips(clips) if self.shape.standardise else clips)

    def own_frames(self, frames: Tensor | None, lengths: Tensor) -> Tensor:
        """Return frames (clips, frames, width) as the temporal model takes them.

        Raises:
            ConfigError: if there are none.
        """
        given = _given(frames, "frames")
        given = self.standardise.frames(given, lengths) if self.shape.standardise else given
        return self._summed(given)

    def _summed(self, values: Tensor) -> Tensor:
        """Return values (…, given width) with all layers summed to one, (…, width)."""
        return layer_sum(values, self.layer_weights, self.shape.layer_width) if self.shape.layers else values


class FusionHead(Inputs):
    """concat[global mean, last LSTM output] → Linear → Tanh → Linear, without output activation.

    Tensors keep the method's shape and torch's names: ``lstm.weight_ih_l0`` …, ``fusion_head.0.weight``,
    ``fusion_head.2.weight``; with ``fusion_head`` off, ``fusion_head.weight``. Another temporal model's
    tensors begin with its own name.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        fusion = FUSIONS.get(shape.fusion if shape.fusion_head else PLAIN_FUSION)
        self.fusion_head = fusion(self.widths, shape.targets, shape.dropout)

    def forward(self, frames: Tensor | None, lengths: Tensor, global_mean: Tensor | None) -> Tensor:
        """Return the intensities of a batch.

        Args:
            frames: (clips, frames, given width) float32, padded behind each clip; None without LSTM.
            lengths: (clips,) valid frames.
            global_mean: (clips, clip width) float32, the vector that sums up each clip; None without.

        Returns:
            (clips, targets).

        Raises:
            ConfigError: if an input that the switches ask for is missing.
        """
        parts = [self.clip_vector(global_mean)] if self.shape.global_mean else []
        if self.shape.lstm:
            parts.append(self.temporal.summarise(self.own_frames(frames, lengths), lengths))
        return self.fusion_head(*parts)  # type: ignore[no-any-return]

    def num_parameters(self) -> int:
        """Return the number of trainable values."""
        return number_of_parameters(self)


def number_of_parameters(module: nn.Module) -> int:
    """Return the number of trainable values of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


class Shape(Protocol[Made_co]):
    """What fixes the tensors of a head, of one cache or of several streams."""

    def head(self) -> Made_co:
        """Return a head of this shape."""
        ...


def new_head(shape: Shape[Made_co], seed: int) -> Made_co:
    """Return a head with torch's default initialisation from ``seed``, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return shape.head()


def require_tensors(shape: Shape[Made_co], tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not those of a head of this shape, before one is made: no memory is taken for it.

    Raises:
        ConfigError: naming the first that is missing, too much, or of another shape.
    """
    with torch.device("meta"):
        wanted = {name: tuple(each.shape) for name, each in shape.head().state_dict().items()}
    found = {name: tuple(each.shape) for name, each in tensors.items()}
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            one, two = (each.get(name, "none") for each in (wanted, found))
            raise ConfigError(f"tensor {name}: found {two}, expected {one}")


def _given(value: Tensor | None, name: str) -> Tensor:
    if value is None:
        raise ConfigError(f"this head needs the {name}, and the batch has none")
    return value
