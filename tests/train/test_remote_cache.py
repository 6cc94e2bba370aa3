"""Fit, predict and ablate take the URL of a cache, and find what they find in a folder."""

from __future__ import annotations

import filecmp
import os

import pytest

from cache.commit import copies


@pytest.fixture(autouse=True)
def no_copies_afterwards():
    yield
    copies.keep_copies(None)


@pytest.fixture
def url(corpus, bucket):
    for path in sorted(corpus.cache.rglob("*")):
        if path.is_file():
            name = path.relative_to(corpus.cache).as_posix()
            (bucket / "caches" / "c").storage.put_if_absent(name, path.read_bytes())
    return str(bucket / "caches" / "c")


def test_fit_and_predict_from_a_url_are_those_from_a_folder(cli, corpus, url, tmp_path) -> None:
    options = ["--recipe", "paper", "--hidden", 6, "--epochs", 1, "--batch-size", 8, "--threads", 1]
    out, local = tmp_path / "run", ["--local", tmp_path / "local"]
    assert cli("fit", url, "--labels", corpus.labels, "--out", out, "--no-floor", *options, *local)[0] == 0
    assert list((tmp_path / "local").rglob("*.h5"))
    told = "".join(path.read_text() for path in out.glob("*.json"))
    assert url in told
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in told
    assert cli("predict", out, corpus.cache, "--out", tmp_path / "a.csv")[0] == 0
    assert cli("predict", out, url, "--out", tmp_path / "b.csv", *local)[0] == 0
    assert filecmp.cmp(tmp_path / "a.csv", tmp_path / "b.csv", shallow=False)


def test_an_ablation_forks_and_reads_on(cli, corpus, url, tmp_path) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("[grid]\nhidden = [4, 6]\n")
    options = ["--epochs", "1", "--batch-size", "16", "--workers", "2", "--seeds", "1", "--no-baselines"]
    out = tmp_path / "s"
    code, _, err = cli("ablate", url, "--labels", corpus.labels, "--out", out, "--grid", grid, *options)
    assert code == 0, err
