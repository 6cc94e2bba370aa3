"""Options of folds: what says how to divide is nothing without folds."""

from __future__ import annotations

import pytest

from train.labels.fold_options import FoldOptions


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({}, None),
        ({"folds": "5", "group": "speaker"}, None),
        ({"group": "speaker"}, "--group"),
        ({"allow_speaker_overlap": True}, "--allow-speaker-overlap"),
    ],
)
def test_an_option_that_divides_nothing_is_named(options, idle):
    assert FoldOptions(**options).idle == idle
