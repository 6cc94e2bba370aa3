"""A fit on a CUDA device: the same bits again, resumed or not, near the CPU's numbers, and read anywhere."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from cache.common.progress import Progress
from train import fit, load_run, predict
from train.heads.registry import STREAM_FUSIONS, TEMPORAL_MODELS
from train.losses.registry import LOSSES
from train.studies.ablation import ablate
from train.studies.grid import component_rows
from train.studies.options import StudyOptions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SAME_BITS = ("head.safetensors", "history.csv", "predictions.csv", "clips.csv")


class Killed(BaseException):
    """Stands for what ends a process between two epochs."""


class DyingProgress(Progress):
    """Raises once the second epoch is done."""

    def line(self, text):
        if text.startswith("epoch 2/"):
            raise Killed


def bits(folder):
    return {name: (folder / name).read_bytes() for name in SAME_BITS}


def predictions(run, cache):
    with CacheReader(cache) as reader:
        return predict(run, reader, list(reader.clip_ids)).values


@pytest.fixture(scope="module")
def on_cuda(corpus, splits, small, quiet, tmp_path_factory):
    """Fit on CUDA, and on the CPU too if asked."""

    def make(device="cuda", cache=None, **settings):
        out = tmp_path_factory.mktemp(device) / "run"
        return fit(
            cache or corpus.cache, splits, replace(small, device=device, **settings), out, progress=quiet
        )

    return make


@pytest.mark.parametrize("temporal", list(TEMPORAL_MODELS))
def test_the_same_fit_gives_the_same_bits_near_those_of_the_cpu(on_cuda, corpus, temporal) -> None:
    one, other, cpu = (on_cuda(device, temporal=temporal) for device in ("cuda", "cuda", "cpu"))
    assert bits(one.path) == bits(other.path)
    np.testing.assert_allclose(predictions(one, corpus.cache), predictions(cpu, corpus.cache), atol=2e-3)


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "cross-entropy"])  # these are no classes
def test_every_loss_is_near_that_of_the_cpu(on_cuda, corpus, loss) -> None:
    one, cpu = (predictions(on_cuda(device, loss=loss, epochs=2), corpus.cache) for device in ("cuda", "cpu"))
    if loss == "pearson":  # which does not see a target's offset: rounding decides it
        one, cpu = one - one.mean(0), cpu - cpu.mean(0)
    np.testing.assert_allclose(one, cpu, atol=5e-3)


def test_standardised_statistics_and_dropout_run_there_too(on_cuda, corpus) -> None:
    settings = {"standardise": "train", "clip_vector": "statistics"}
    one, cpu = (predictions(on_cuda(device, **settings), corpus.cache) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(one, cpu, atol=2e-3)
    twice = [bits(on_cuda(**settings, dropout=0.3).path) for _ in range(2)]
    assert twice[0] == twice[1]


def test_components_a_small_network_and_a_second_pass_run_there_too(on_cuda, corpus) -> None:
    settings = {"standardise": "train", "clip_vector": "components", "fusion": "mlp", "lstm": False}
    one, cpu = (predictions(on_cuda(device, **settings), corpus.cache) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(one, cpu, atol=2e-3)
    twice = [on_cuda(**settings, dropout=0.5, refit=True) for _ in range(2)]
    assert bits(twice[0].path) == bits(twice[1].path)
    assert (twice[0].path / "refit.csv").exists()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_fit_that_was_interrupted_goes_on_to_the_same_bits(
    on_cuda, corpus, splits, small, quiet, tmp_path, precision
) -> None:
    whole = on_cuda(precision=precision)
    config = replace(small, device="cuda", precision=precision)
    with pytest.raises(Killed):
        fit(corpus.cache, splits, config, tmp_path / "run", progress=DyingProgress(io.StringIO()))
    resumed = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    assert bits(whole.path) == bits(resumed.path)


@pytest.mark.parametrize("fusion", list(STREAM_FUSIONS))
def test_every_fusion_of_streams_runs_there_too(on_cuda, pair, fusion) -> None:
    """Of two streams, one of which lacks some clips."""
    settings = {"cache": pair, "fusion": fusion, "missing": "token", "standardise": "train"}
    one, other = (on_cuda(**settings) for _ in range(2))
    assert bits(one.path) == bits(other.path)
    here, there = (predict(one, pair, device=device).values for device in ("cpu", "cuda"))
    np.testing.assert_allclose(here, there, atol=1e-4)
    if fusion != "query":  # whose dropout is drawn by each device in its own way
        cpu = predict(on_cuda("cpu", **settings), pair).values
        np.testing.assert_allclose(there, cpu, atol=5e-3)


def test_weighted_layers_and_left_out_streams_run_there_too(on_cuda, pair) -> None:
    settings = {"cache": pair, "stream_dropout": 0.3, "missing": "token"}
    settings["streams"] = {"audio": {"layer": "weighted"}, "text": {"temporal": "attention"}}
    twice = [on_cuda(**settings) for _ in range(2)]
    assert bits(twice[0].path) == bits(twice[1].path)


def test_bfloat16_is_near_float32(on_cuda, corpus) -> None:
    exact, rough = (predictions(on_cuda(precision=p), corpus.cache) for p in ("float32", "bfloat16"))
    assert not np.array_equal(exact, rough)
    np.testing.assert_allclose(exact, rough, atol=0.05)


def test_a_head_fitted_on_cuda_predicts_alike_on_every_device(on_cuda, corpus) -> None:
    run = load_run(on_cuda().path)
    one, other = (predict(run, corpus.cache, device=device).values for device in ("cpu", "cuda"))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_prediction_does_not_depend_on_batch_mates(on_cuda, corpus) -> None:
    run = on_cuda()
    together = predictions(run, corpus.cache)
    with CacheReader(corpus.cache) as reader:
        alone = np.concatenate([predict(run, reader, [clip]).values for clip in reader.clip_ids])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_study_runs_on_cuda(corpus, splits, small, tmp_path) -> None:
    rows = component_rows(replace(small, device="cuda", epochs=2), "cache")[:3]
    study = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path / "out", range(2), workers=2))
    assert len(study.rows) == 3
    assert all(np.isfinite(study.predictions(row)).all() for row in study.rows)
