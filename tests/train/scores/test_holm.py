"""Holm's correction, by hand and against its own step-down."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.scores.holm import holm


def test_holm_by_hand():
    # .01·3, then max(.03, .02·2), then max(.04, .04·1)
    np.testing.assert_allclose(holm([0.04, 0.01, math.nan, 0.02]), [0.04, 0.03, math.nan, 0.04])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert holm([]).shape == (0,)


def test_a_family_larger_than_what_is_shown_counts_whole():
    """Two rows picked of eleven: .01·11, then max(.11, .02·10)."""
    np.testing.assert_allclose(holm([0.01, 0.02], family=11), [0.11, 0.2])
    np.testing.assert_allclose(holm([0.01, 0.02], family=1), holm([0.01, 0.02]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_it_keeps_the_order_and_lies_between_the_p_value_and_bonferronis(p_values):
    found = holm(p_values)
    assert (found >= np.array(p_values) - 1e-15).all()
    assert (found <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-15).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
