"""What an ONNX file takes in and puts out: the choices, each declared once."""

from __future__ import annotations

from dataclasses import dataclass

from cache.common.option_fields import check_options, option
from train.errors import ConfigError

AS_TRAINED, STORED, FULL = "trained", "stored", "full"
KINDS = (AS_TRAINED, STORED, FULL)
INSIDE, GIVEN = "inside", "input"


@dataclass(frozen=True)
class ExportOptions:
    """What a graph has beside its heads.

    Attributes:
        frames: what goes in: frames as the head was trained on ("trained"); fields as the cache stores them, int8
            with scale and offset ("stored"); or frames of the full cache, pooled and projected inside ("full").
        clip: whether what comes out is brought into the range of the training labels.
        global_mean: whether the mean over the clip's frames is taken inside or is an input of its own, as the
            cache holds it.

    Raises:
        ConfigError: if a value is none of these.
    """

    frames: str = option(
        AS_TRAINED,
        "What goes in: frames as trained on; stored: int8 with scale and offset; full: projected inside.",
        choices=KINDS,
    )
    clip: bool = option(False, "Clip to the range of the training labels inside.")
    global_mean: str = option(
        INSIDE, "Taken of the frames inside, or an input of its own.", choices=(INSIDE, GIVEN)
    )

    def __post_init__(self) -> None:
        check_options(self, ConfigError)
