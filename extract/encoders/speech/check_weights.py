"""Refuses weights that do not fit an encoder: missing, unexpected, misshapen or not finite ones, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from extract.errors import EncoderError

if TYPE_CHECKING:
    from torch import Tensor

MAX_LISTED = 5


def check_weights(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Compare the weights that an encoder has with those of a checkpoint, by name.

    Raises:
        EncoderError: one is missing, unexpected, misshapen or not finite; the error lists them.
    """
    refuse_weights(list(_problems(wanted, given)))


def refuse_weights(problems: Sequence[str]) -> None:
    """Raise an error that lists what is wrong with an encoder's weights, if anything is.

    Raises:
        EncoderError: something is.
    """
    if problems:
        more = f" and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        raise EncoderError(
            f"the encoder's weights do not fit its config: {'; '.join(problems[:MAX_LISTED])}{more}. "
            "No weight may be left to chance: get the complete checkpoint"
        )


def _problems(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    yield from (f"missing {name}" for name in sorted(wanted.keys() - given.keys()))
    yield from (f"unexpected {name}" for name in sorted(given.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & given.keys()):
        if given[name].shape != wanted[name].shape:
            yield f"{name} is {tuple(given[name].shape)}, expected {tuple(wanted[name].shape)}"
        elif wanted[name].is_floating_point() and not given[name].is_floating_point():
            yield f"{name} holds {given[name].dtype}, expected floating-point numbers"
        elif not given[name].isfinite().all():
            yield f"{name} holds values that are not finite"
