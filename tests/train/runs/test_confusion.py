"""The picture of classes is drawn where there are classes."""

from __future__ import annotations

import numpy as np

from train.runs.confusion import plot_confusion


def test_it_is_a_picture_of_classes_only(tmp_path):
    rng = np.random.default_rng(0)
    truth, predictions = np.eye(3)[rng.integers(0, 3, 20)], rng.random((20, 3))
    names = ["e=$a$", "e=b", "e=c"]
    assert plot_confusion(tmp_path / "c.png", truth, predictions, names)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert not plot_confusion(tmp_path / "d.png", predictions, predictions, names)
    assert not (tmp_path / "d.png").exists()
    truth[:, 2] = 0  # a class of no clip
    truth[:, 0] = 1 - truth[:, 1]
    assert plot_confusion(tmp_path / "e.png", truth, predictions, names)
