"""What a student looks like: its size, what it puts out, and the shapes of its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cache.common.student.hearing import BANDS

MODEL_TYPE = "emi-student"  # in the config.json of its folder
VERSION = 1
CHANNELS_IN = BANDS + 1  # of a log-mel frame: its bands and the energy
CONVOLUTIONS = 7
LARGEST = 4096  # channels, bands, outputs: more is no student
TEMPORAL = 5  # frames that a temporal convolution sees
CONFIG_FIELDS = ("size", "channels", "bands", "pools", "width", "layers", "dimensions", "hidden")


@dataclass(frozen=True)
class Layout:
    """The network.

    Attributes:
        size: its name.
        channels: of each of the seven convolutions over frequency and time.
        bands: that the 80 of the log-mel frames are averaged to.
        pools: numbers of the convolutions (from 1) after which neighbouring bands become their maximum.
        width: channels of the temporal convolutions behind them; 0: there are none.
        layers: number of temporal convolutions.
        dimensions: names of what is read out, for example arousal, dominance, valence; may be none.
        hidden: of the teacher's components that every frame gives; 0: it gives its own channels.

    Raises:
        ValueError: if a value is none that a student can have.
    """

    size: str
    channels: int
    bands: int
    pools: tuple[int, ...]
    width: int = 0
    layers: int = 0
    dimensions: tuple[str, ...] = ()
    hidden: int = 0

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in ("channels", "bands", "width", "layers", "hidden")}
        for name, value in numbers.items():
            if type(value) is not int or not 0 <= value <= LARGEST:
                raise ValueError(f"{name}: found {value!r}, expected a number up to {LARGEST}")
        is_number = all(type(each) is int and 1 <= each <= CONVOLUTIONS for each in self.pools)
        if not is_number or len(set(self.pools)) < len(self.pools):
            raise ValueError(
                f"pools: found {str(self.pools)[:60]}, expected numbers of convolutions, from 1 to {CONVOLUTIONS}"
            )
        if self.channels < 1 or self.bands_left < 1 or bool(self.width) != bool(self.layers):
            raise ValueError(
                f"no network has {self.channels} channels, {self.bands} bands, pools {self.pools}"
            )
        if not self.dimensions and not self.hidden:
            raise ValueError("it puts out nothing: neither dimensions nor hidden")

    @property
    def bands_left(self) -> int:
        """Bands behind the last convolution."""
        return self.bands >> len(self.pools)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of what a frame is: channels by bands, or one row of ``width``."""
        return (1, self.width) if self.width else (self.channels, self.bands_left)

    @property
    def frame_width(self) -> int:
        """Numbers that a frame gives: the teacher's components, or its own grid."""
        return self.hidden or math.prod(self.grid)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return tensor name → shape, all float32; ``input.*`` are fixed, all others learned."""
        channels, (rows, columns), outputs = self.channels, self.grid, len(self.dimensions)
        found: dict[str, tuple[int, ...]] = {
            "input.weight": (self.bands, CHANNELS_IN, 1),
            "input.bias": (self.bands, 1),
        }
        for number in range(1, CONVOLUTIONS + 1):
            found[f"conv.{number}.weight"] = (channels, 1 if number == 1 else channels, 3, 3)
            found[f"conv.{number}.bias"] = (channels,)
        if self.width:
            found["enter.weight"] = (self.width, channels, self.bands_left, 1)
        for number in range(1, self.layers + 1):
            found[f"temporal.{number}.weight"] = (self.width, self.width, 1, TEMPORAL)
            found[f"temporal.{number}.bias"] = (self.width,)
        last = self.width or channels
        for name in ("value", "weigh") if outputs else ("value",):
            found |= {f"{name}.weight": (last, last, 1, 1), f"{name}.bias": (last,)}
        if outputs:
            found["head.weight"] = (outputs, rows, columns)
            found["head.gram"] = (outputs, rows, rows)
            found["head.bias"] = (outputs,)
        if self.hidden:
            found |= {"hidden.weight": (self.hidden, rows, columns), "hidden.bias": (self.hidden,)}
        return found

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(math.prod(shape) for name, shape in self.shapes().items() if is_learned(name))

    def to_json(self) -> dict[str, Any]:
        """Return the fields for ``config.json``."""
        values = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Layout:
        """Return what ``to_json`` described; raises KeyError, TypeError or ValueError if it is none."""
        fields: dict[str, Any] = {name: values[name] for name in CONFIG_FIELDS}
        listed = all(isinstance(fields[name], list) for name in ("pools", "dimensions"))
        if not listed or not all(isinstance(each, str) for each in (fields["size"], *fields["dimensions"])):
            raise ValueError("pools and dimensions are lists, size and each of the dimensions a name")
        if len(fields["dimensions"]) > LARGEST:
            raise ValueError(f"{len(fields['dimensions'])} dimensions, expected up to {LARGEST}")
        fields |= {name: tuple(fields[name]) for name in ("pools", "dimensions")}
        return cls(**fields)


def is_learned(name: str) -> bool:
    """Whether a tensor is learned; the first step, bands and their scale, is fixed."""
    return not name.startswith("input.")


SIZES: dict[str, dict[str, Any]] = {
    "10k": {"channels": 13, "bands": 26, "pools": (3,)},
    "72k": {"channels": 34, "bands": 26, "pools": (1, 4)},
    "2m": {"channels": 34, "bands": 26, "pools": (1, 4), "width": 256, "layers": 4},
}


def layout_of(size: str, dimensions: tuple[str, ...], hidden: int) -> Layout:
    """Return the layout of a named size."""
    return Layout(size, **SIZES[size], dimensions=dimensions, hidden=hidden)
