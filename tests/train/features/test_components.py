"""Components of frames: numpy's principal axes of the training clips, and a head that holds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train import FitConfig, evaluate, fit, load_run, predict
from train.errors import RunError
from train.features.batches import Features, load_features
from train.features.components import (
    PARTS,
    VALUES,
    learn_components,
    means_of_parts,
    number_of_components,
    with_components,
)
from train.features.statistics import STATISTICS, of_frames
from train.heads.components import Components
from train.runs.tensors import read_tensors, write_tensors

TAKEN = FitConfig(lstm=False, clip_vector="components")


class Given:
    """Frames of clips that a test made."""

    def __init__(self, clips: list[np.ndarray]) -> None:
        self._clips = clips

    def fill(self, clips: np.ndarray, lengths: np.ndarray, out: torch.Tensor) -> None:
        out.zero_()
        for row, clip in enumerate(clips):
            out[row, : lengths[row]] = torch.from_numpy(self._clips[clip])


def features_of(clips: list[np.ndarray]) -> Features:
    """Return features whose clip vectors are empty before components are joined to them."""
    lengths = np.array([len(clip) for clip in clips])
    width, vectors = clips[0].shape[1], torch.zeros(len(clips), 0)
    return Features(
        tuple(map(str, range(len(clips)))), lengths, None, vectors, width, True, described=Given(clips)
    )


def test_the_axes_are_those_of_the_correlation_matrix_of_the_training_frames() -> None:
    rng = np.random.default_rng(0)
    mixing, scale = rng.standard_normal((6, 6)), np.array([1, 10, 1e-3, 1, 500, 1])
    clips = [
        ((rng.standard_normal((int(rng.integers(1, 60)), 6)) @ mixing + 3) * scale).astype(np.float32)
        for _ in range(80)
    ]
    components, where = Components(6, 4), np.arange(0, 80, 2)
    learn_components(components, features_of(clips), where)
    frames = np.concatenate([clips[i] for i in where]).astype(np.float64)
    np.testing.assert_allclose(components.mean, frames.mean(0), rtol=1e-4)
    np.testing.assert_allclose(components.deviation, frames.std(0), rtol=1e-4)
    values, axes = np.linalg.eigh(np.corrcoef(frames.T))
    expected = axes[:, ::-1][:, :4]
    expected = expected * np.sign(np.take_along_axis(expected, np.abs(expected).argmax(0)[None], 0))
    np.testing.assert_allclose(components.axes, expected, atol=2e-3)
    assert values[-1] > values[0]
    found = with_components(features_of(clips), components).global_mean
    turned = ((clips[3] - frames.mean(0)) / frames.std(0)) @ expected
    own = np.concatenate([of_frames(turned), means_of_parts(turned.astype(np.float32)).ravel()])
    np.testing.assert_allclose(found[3], own, atol=0.02)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 103])
def test_the_parts_of_a_clip_cover_it_in_order(length) -> None:
    frames = np.arange(length, dtype=np.float32)[:, None]
    means = means_of_parts(frames)[:, 0]
    assert means.shape == (PARTS,) and (np.diff(means) >= 0).all()
    if length % PARTS == 0:
        np.testing.assert_allclose(means, frames.reshape(PARTS, -1).mean(1))


def test_a_constant_channel_and_a_huge_offset_do_no_harm() -> None:
    rng = np.random.default_rng(1)
    clips = [rng.standard_normal((20, 3)).astype(np.float32) * [1, 0, 1] + [1e4, 7, 0] for _ in range(9)]
    clips = [clip.astype(np.float32) for clip in clips]
    components = Components(3, number_of_components(3))
    learn_components(components, features_of(clips), np.arange(9))
    found = with_components(features_of(clips), components).global_mean
    assert found.shape == (9, 3 * VALUES) and bool(found.isfinite().all()) and float(found.abs().max()) < 50


@pytest.mark.parametrize(
    "settings",
    [{"lstm": False, "standardise": "train", "fusion": "mlp"}, {"standardise": "speaker"}, {"vad": False}],
)
def test_a_head_holds_the_components_of_its_own_training_clips(
    settings, corpus, splits, small, quiet, tmp_path
) -> None:
    config = replace(small, clip_vector="components", **settings)
    run = load_run(fit(corpus.cache, splits, config, tmp_path / "r", progress=quiet).path)
    width = 8 if settings.get("vad") is False else 11
    assert run.head.shape.clip_width == (STATISTICS + VALUES) * width
    assert run.head.components.axes.shape == (width, width)
    with CacheReader(corpus.cache) as reader:
        ids = [*splits.train.clip_ids, *splits.valid.clip_ids]
        raw = load_features(reader, ids, replace(config, layer=None))
        learned = Components(width, width)
        with (run.path / "clips.csv").open() as file:
            part = dict(line.strip().split(",") for line in list(file)[1:])
        learn_components(learned, raw, np.array([i for i, clip in enumerate(ids) if part[clip] == "fit"]))
    torch.testing.assert_close(learned.axes, run.head.components.axes, atol=1e-4, rtol=0)
    if settings.get("standardise") != "speaker":
        scores = evaluate(run, corpus.cache, splits.valid)["scores"]
        assert scores["pearson"]["mean"] == pytest.approx(run.metrics["valid"]["pearson"]["mean"], abs=1e-6)
        together = predict(run, corpus.cache, splits.valid.clip_ids).values
        alone = predict(run, corpus.cache, splits.valid.clip_ids[5:6]).values
        np.testing.assert_allclose(together[5:6], alone, atol=1e-5)


def test_a_head_without_the_components_that_its_config_asks_for_is_refused(
    corpus, splits, small, quiet, tmp_path
) -> None:
    run = fit(corpus.cache, splits, replace(small, clip_vector="components"), tmp_path / "r", progress=quiet)
    tensors, values = read_tensors(run.path / "head.safetensors")
    values["config"]["clip_vector"] = "mean"
    (run.path / "checksums.json").unlink()
    write_tensors(run.path / "head.safetensors", tensors, values)
    with pytest.raises(RunError, match="not a head|do not agree"):
        load_run(run.path)
