"""Frames in step: the mean over each part of a clip, whatever its length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.heads.fusions.steps import in_steps, of_frames


@pytest.mark.parametrize("steps", [1, 4, 32])
def test_each_step_is_the_mean_over_its_part(states, widths, steps):
    state = states(widths, 5)[0]
    found = in_steps(state, steps).numpy()
    assert found.shape == (5, steps, 5)
    for clip, length in enumerate(state.lengths.tolist()):
        frames = of_frames(state)[clip, :length].numpy()
        for step in range(steps):
            first, last = step * length / steps, (step + 1) * length / steps
            part = [frame for number, frame in enumerate(frames) if number + 1 > first and number < last]
            np.testing.assert_allclose(found[clip, step], np.mean(part, axis=0), atol=1e-12)


def test_garbage_behind_a_clip_has_no_effect(states, widths):
    state = states(widths, 5)[0]
    expected = in_steps(state)
    frames = of_frames(state).clone()
    frames[torch.arange(9) >= state.lengths[:, None]] = torch.nan
    torch.testing.assert_close(in_steps(state._replace(frames=frames)), expected)
