"""The whole path on the demo corpus: real media files in, six intensities out, and no score from nothing."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cache import CacheReader, verify
from cache.__main__ import app as cache_app
from extract import EncoderOptions, ExtractOptions, extract, make_demo
from extract.__main__ import app as extract_app
from train import FitConfig, evaluate, fit, read_labels, read_splits, recipe_config
from train.__main__ import app

CLIPS = 180  # that are trained on
# The last digits of the features depend on processor, libraries and threads, and hundreds of epochs with dropout on
# what those are: the READMEs' figures are met about.
TOLERANCE = 0.03


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus as `make demo` makes it, and its cache."""
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    summary = extract(folder / "media", folder / "cache", options(folder))
    assert (summary.extracted, summary.failures) == (240, ())
    return folder


def options(folder: Path) -> ExtractOptions:
    return ExtractOptions(EncoderOptions(str(folder / "encoder"), device="cpu"))


@pytest.fixture(scope="module")
def run(demo: Path):
    labels = read_splits(labels=demo, speakers=demo / "speakers.csv")
    return fit(demo / "cache", labels, recipe_config(demo / "cache", CLIPS, device="cpu"), demo / "run")


def mean_pearson(run, demo: Path) -> float:
    scores = evaluate(run, demo / "cache", read_labels(demo / "valid_split.csv"))
    return float(scores["scores"]["pearson"]["mean"])


def test_the_demo_scores_at_least_what_the_method_alone_does(demo, run) -> None:
    assert verify(demo / "cache").findings == ()
    assert mean_pearson(run, demo) >= 0.659


def test_the_method_scores_at_least_one_half_too(demo, tmp_path) -> None:
    """The recipe of the paper, with more epochs for so few clips: every stage of the method is walked through."""
    labels = read_splits(labels=demo, speakers=demo / "speakers.csv")
    config = FitConfig(epochs=30, lr=2e-3, device="cpu")
    assert mean_pearson(fit(demo / "cache", labels, config, tmp_path / "run"), demo) >= 0.5


def test_permuted_training_labels_score_about_nothing(demo, tmp_path) -> None:
    """The mean over three permutations: a leak from valid to train would show here."""
    scores = []
    for seed in range(3):
        labels = tmp_path / f"labels{seed}"
        labels.mkdir()
        shutil.copy(demo / "valid_split.csv", labels)
        permute_labels(demo / "train_split.csv", labels / "train_split.csv", seed)
        splits = read_splits(labels=labels, speakers=demo / "speakers.csv")
        config = recipe_config(demo / "cache", CLIPS, device="cpu", seed=seed)
        scores.append(mean_pearson(fit(demo / "cache", splits, config, tmp_path / f"run{seed}"), demo))
    assert abs(np.mean(scores)) < 0.2, scores  # an undefined score would show as NaN, and fail


def permute_labels(source: Path, target: Path, seed: int) -> None:
    header, *rows = read_rows(source)
    order = np.random.default_rng(seed).permutation(len(rows))
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([row[0], *rows[other][1:]] for row, other in zip(rows, order, strict=True))


def read_rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def test_predictions_are_the_challenge_file(demo, run, tmp_path) -> None:
    """Same columns, same ids, same order as asked for; within the range of the training labels."""
    ids = ["00007", "00003", "00200"]
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    arguments = ["predict", str(run.path), str(demo / "cache"), "--ids", str(tmp_path / "ids.txt")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "p.csv")])
    assert result.exit_code == 0, result.output
    rows = read_rows(tmp_path / "p.csv")
    assert rows[0] == read_rows(demo / "train_split.csv")[0]
    assert [row[0] for row in rows[1:]] == ids
    values = np.array([row[1:] for row in rows[1:]], dtype=float)
    assert values.min() >= 0
    assert values.max() <= 1


def test_features_do_not_depend_on_the_batches_of_the_run(demo, tmp_path) -> None:
    """Padded batches of up to 60 s against single clips, over the corpus: relative L2 ≤ 1e-5 before the cast."""
    together = ExtractOptions(options(demo).encoder, batch_seconds=60.0)
    extract(demo / "media", tmp_path / "together", together)
    alone = CacheReader(demo / "cache")
    batched = CacheReader(tmp_path / "together")
    for name in ("vad", "hidden_states/2"):
        one = alone.clip_table(f"global_mean/{name}")
        other = batched.clip_table(f"global_mean/{name}", alone.clip_ids)
        assert np.linalg.norm(one - other) / np.linalg.norm(one) < 1e-5


def assert_printed(text: str, *values: float) -> None:
    """The numbers in a piece of a README are these values, rounded."""
    printed = [float(number) for number in re.findall(r"\d*\.\d+", text)]
    assert np.allclose(printed, np.round(values, 3), rtol=0, atol=TOLERANCE + 1e-9), (text, values)


def line_of(text: str, start: str) -> str:
    [line] = re.findall(rf"^{re.escape(start)}.*$", text, re.MULTILINE)
    return str(line)


def ends(metrics: dict) -> tuple[float, float, float]:
    interval = metrics["interval"]
    return interval["estimate"], interval["low"], interval["high"]


def test_the_readme_prints_what_the_demo_gives(run, root: Path) -> None:
    readme, metrics = (root / "README.md").read_text(), json.loads((run.path / "metrics.json").read_text())
    scores = metrics["valid"]
    assert_printed(line_of(readme, "mean  "), *(column["mean"] for column in scores.values()))
    for name in run.targets.names:
        assert_printed(line_of(readme, name), *(column["per_target"][name] for column in scores.values()))
    assert line_of(readme, "    ".ljust(17) + "pearson").split() == list(scores)
    assert_printed(line_of(readme, "mean pearson "), *ends(metrics))
    assert line_of(readme, "trained on 180") == metrics["statement"]


def test_the_readme_prints_what_each_encoder_gives(demo, run, root: Path, tmp_path) -> None:
    readme = (root / "extract" / "README.md").read_text()
    own = json.loads((run.path / "metrics.json").read_text())
    assert_printed(line_of(readme, "| `data/demo/encoder` |"), *ends(own))
    extract(demo / "media", tmp_path / "logmel", ExtractOptions(EncoderOptions("logmel")))
    labels = read_splits(labels=demo, speakers=demo / "speakers.csv")
    config = recipe_config(tmp_path / "logmel", CLIPS, device="cpu")
    metrics = json.loads(
        (fit(tmp_path / "logmel", labels, config, tmp_path / "r").path / "metrics.json").read_text()
    )
    assert_printed(line_of(readme, "| `logmel`, no VAD |"), *ends(metrics))


def test_the_readme_prints_what_a_plan_says(demo, root: Path, tmp_path) -> None:
    readme = (root / "extract" / "README.md").read_text()
    [printed] = re.findall(r"^(240 clips, .*?)^ +…$", readme, re.MULTILINE | re.DOTALL)
    tables = [str(demo / f"{split}_split.csv") for split in ("train", "valid")]
    options = [
        "--media",
        str(demo / "media"),
        "--out",
        str(tmp_path / "new"),
        "--model",
        str(demo / "encoder"),
    ]
    result = CliRunner().invoke(extract_app, ["plan", *tables, *options])
    assert result.exit_code == 0
    assert result.stdout.replace(str(tmp_path / "new"), "new").startswith(printed)


def test_the_readme_prints_what_a_repair_says(demo, root: Path, tmp_path) -> None:
    readme = (root / "cache" / "README.md").read_text()
    [printed] = re.findall(r"^\$ emi-cache verify .*?\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    shutil.copytree(demo / "cache", tmp_path / "cache")
    [record] = CacheReader(tmp_path / "cache").records
    field, row = record.datasets["frames/hidden_states/2"], record.clip_ids.index("00144")
    with (tmp_path / "cache" / "shards" / record.file).open("r+b") as file:
        file.seek(field.offset + sum(record.num_frames[:row]) * field.row_bytes)
        [byte] = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    result = CliRunner().invoke(cache_app, ["verify", str(tmp_path / "cache"), "--repair"])
    assert result.exit_code == 3
    said = result.stdout.replace(str(tmp_path / "cache"), "data/demo/cache")
    assert re.sub(r"\d{8}-\d{6}-\w{8}", "", said).strip() == re.sub(r"\d{8}-\d{6}-\w{8}", "", printed).strip()
