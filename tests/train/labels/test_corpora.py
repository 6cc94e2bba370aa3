"""Other people's corpora: any number of targets, other metrics, other ranges, other headers."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

SHARES = [
    "Anger",
    "Boredom",
    "Calmness",
    "Concentration",
    "Determination",
    "Excitement",
    "Interest",
    "Sadness",
    "Tiredness",
]
OPTIONS = ["--hidden", 4, "--epochs", 2, "--batch-size", 16, "--threads", 1]


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_nine_proportions_with_spearman(cli, make_cache, table, tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"train_{index:04d}" for index in range(80)]
    shares = rng.dirichlet(np.ones(9), 80).round(6)
    cache = make_cache(tmp_path / "cache", {clip: row[:3] for clip, row in zip(ids, shares, strict=True)})
    for name, part in (("train", slice(50)), ("valid", slice(50, 80))):
        rows = [[f"{clip}.wav", *row] for clip, row in zip(ids[part], shares[part], strict=True)]
        table(tmp_path / f"{name}_split.csv", ["filename", *SHARES], rows)
    run = tmp_path / "run"
    fit = [
        "fit",
        cache,
        "--labels",
        tmp_path,
        "--out",
        run,
        "--metric",
        "spearman",
        "--recipe",
        "paper",
        *OPTIONS,
    ]
    code, out, _ = cli(*fit)
    assert code == 0
    header = next(line for line in out.splitlines() if "pearson" in line and "mae" in line)
    assert header.split() == ["spearman", "pearson", "ccc", "mae"]
    assert "chosen by spearman" in out
    assert "mean spearman" in out
    assert "clip-level, speakers unknown" in out
    metrics = json.loads((run / "metrics.json").read_text())
    assert list(metrics["valid"]["spearman"]["per_target"]) == SHARES
    assert metrics["interval"]["estimate"] == pytest.approx(metrics["valid"]["spearman"]["mean"])
    assert cli("predict", run, cache, "--out", tmp_path / "p.csv")[0] == 0
    rows = read(tmp_path / "p.csv")
    assert list(rows[0]) == ["filename", *SHARES]
    assert len(rows) == 80
    code, out, _ = cli(
        "evaluate", run, cache, "--labels", tmp_path, "--permutations", 50, "--assume-icc", 0.2
    )
    assert code == 0
    assert "with an intra-class correlation of 0.2 and 31 clips per speaker" in out
    assert "1.48 times as wide" in out
    assert "50 permutations of clips" in out


def test_three_of_many_columns_on_one_to_seven(cli, make_cache, table, tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"MSP_{index:04d}" for index in range(90)]
    truth = {clip: rng.random(3) for clip in ids}
    cache = make_cache(tmp_path / "cache", truth)
    header = [
        "FileName",
        "EmoClass",
        "EmoAct",
        "EmoVal",
        "EmoDom",
        "Confidence",
        "Age",
        "SpkrID",
        "Gender",
        "Split_Set",
    ]
    splits = ["Train"] * 60 + ["Development"] * 30
    rows = [
        [
            f"{clip}.wav",
            "N",
            *(1 + 6 * truth[clip]).round(3),
            0.5,
            20 + i % 40,
            i // 3,
            "FM"[i % 2],
            splits[i],
        ]
        for i, clip in enumerate(ids)
    ]
    labels = table(tmp_path / "labels.csv", header, rows)
    run, targets = tmp_path / "run", ["EmoVal", "EmoAct", "EmoDom"]
    fit = [
        "fit",
        cache,
        "--labels",
        labels,
        "--targets",
        ",".join(targets),
        "--out",
        run,
        "--metric",
        "ccc",
        *OPTIONS,
    ]
    code, out, _ = cli(*fit, "--lr", 0.05, "--epochs", 12)
    assert code == 0
    assert "30 speakers" not in out
    assert "(10 speakers; one seed" in out
    predicted = read(run / "predictions.csv")
    assert list(predicted[0]) == ["FileName", *targets]
    values = np.array([[float(row[name]) for name in targets] for row in predicted])
    assert values.mean() > 1.5  # not clipped to [0, 1]
    head = [np.array([float(row[header.index(name)]) for row in rows[:60]]) for name in targets]
    cli("predict", run, cache, "--out", tmp_path / "p.csv")
    clipped = read(tmp_path / "p.csv")
    for name, column in zip(targets, head, strict=True):
        given = [float(row[name]) for row in clipped]
        assert column.min() - 1e-6 <= min(given)
        assert max(given) <= column.max() + 1e-6
    code, out, _ = cli("evaluate", run, cache, "--labels", labels, "--by", "Gender", "--permutations", 20)
    assert code == 0
    assert "mean ccc" in out
    lines = [line.split() for line in out.splitlines()]
    assert [line[:3] for line in lines if line[:1] in (["F"], ["M"])] == [
        ["F", "15", "10"],
        ["M", "15", "10"],
    ]
    code, out, _ = cli(
        "evaluate", run, cache, "--labels", labels, "--by", "duration", "--permutations", 0, "--json"
    )
    found = json.loads(out)
    assert code == 0
    assert "null" not in found
    assert len(found["groups"]) == 4
    assert sum(group["clips"] for group in found["groups"]) == 30
    code, _, err = cli("evaluate", run, cache, "--labels", labels, "--by", "Country")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "no column 'Country' to group by" in err
