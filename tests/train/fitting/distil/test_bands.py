"""The fixed first step: averages over neighbouring bands, at mean 0 and deviation 1."""

from __future__ import annotations

import numpy as np

from train.fitting.distil.bands import averages, first_step


def test_a_band_is_an_average_of_its_neighbours() -> None:
    found = averages(26)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found >= 0).all()
    assert not found[:, 80].any()  # the energy
    centres = found[:, :80] @ np.arange(80)
    assert (np.diff(centres) > 2).all()


def test_what_is_heard_has_mean_0_and_deviation_1() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(3, 2, (n, 81)).astype(np.float16) for n in (5, 900)]
    tensors = first_step(frames, 26)
    heard = (
        np.concatenate(frames).astype(np.float64) @ tensors["input.weight"][:, :, 0].T
        + tensors["input.bias"].T
    )
    np.testing.assert_allclose(heard.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(heard.std(0), 1, atol=1e-4)


def test_a_band_that_never_changes_stays_finite() -> None:
    assert np.isfinite(first_step([np.ones((4, 81), np.float16)], 26)["input.weight"]).all()
