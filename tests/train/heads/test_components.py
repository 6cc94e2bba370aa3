"""What a head holds of the components of frames: buffers, no weights."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.heads.head import HeadShape, new_head


def test_they_are_kept_with_the_head_and_not_learned() -> None:
    shape = HeadShape(width=7, targets=2, hidden=3, clip_width=20, components=4)
    head, without = new_head(shape, 0), new_head(HeadShape(width=7, targets=2, hidden=3, clip_width=20), 0)
    assert head.num_parameters() == without.num_parameters()
    kept = {name: tuple(each.shape) for name, each in head.state_dict().items() if "components" in name}
    assert kept == {"components.mean": (7,), "components.deviation": (7,), "components.axes": (7, 4)}
    assert HeadShape(**shape.to_dict()) == shape and "components" not in without.shape.to_dict()


@pytest.mark.parametrize("number", [-1, 8, 2.0, True])
def test_a_number_that_frames_cannot_have_is_refused(number) -> None:
    with pytest.raises(ConfigError, match="components of a head"):
        HeadShape(width=7, targets=2, components=number)
