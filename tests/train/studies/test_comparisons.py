"""Baselines, compact caches in use, fidelity, confirmation, reproduction, bundles, ensembles, the final fit."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, CompactOptions, compact
from cache.format.schema import VAD_DIMS, FrameField
from train import Splits, fit, load_run
from train.errors import ConfigError, RunError
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.runs.evaluate import evaluate
from train.runs.predict import predict


@pytest.fixture(scope="module")
def small_cache(corpus, splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("compact") / "cache"
    compact(
        corpus.cache, out, CompactOptions(pool=2, project=7, dtype="int8"), fit_on=list(splits.train.clip_ids)
    )
    return out


def test_a_projected_full_cache_gives_what_the_compact_one_gives(corpus, splits, small, quiet, tmp_path):
    rng = np.random.default_rng(3)
    fields = [FrameField("hidden_states/12", 24), FrameField("vad", 3, dims=VAD_DIMS)]
    writer = CacheWriter.open(tmp_path / "full", {"model": "wide"}, fields)
    clips, basis = [], rng.standard_normal((6, 24))
    for clip_id in corpus.truth:
        length = int(rng.integers(1, 30))
        hidden = rng.standard_normal((length, 6)) @ basis + 0.1 * rng.standard_normal((length, 24))
        frames = {"hidden_states/12": hidden.astype(np.float32), "vad": rng.random((length, 3), np.float32)}
        means = {name: values.mean(0) for name, values in frames.items()}
        clips.append(ClipFeatures(clip_id, frames, means, 400, -20.0, "0" * 64, clip={}))
    writer.commit(clips)
    compact(
        tmp_path / "full",
        tmp_path / "small",
        CompactOptions(pool=4, project=6, dtype="int8"),
        fit_on=list(splits.train.clip_ids),
    )
    own = fit(tmp_path / "small", splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert own.head.shape.width == 9
    near, far = (predict(own, tmp_path / name, splits.valid.clip_ids) for name in ("small", "full"))
    np.testing.assert_allclose(near.values, far.values, atol=0.01)


@pytest.fixture(scope="module")
def compact_run(small_cache, splits, small, quiet, tmp_path_factory):
    return fit(small_cache, splits, small, tmp_path_factory.mktemp("compact-run") / "run", progress=quiet)


def test_a_head_of_a_compact_cache_takes_the_full_one(compact_run, small_cache, corpus, splits):
    ids = splits.valid.clip_ids
    near, far = (predict(compact_run, cache, ids) for cache in (small_cache, corpus.cache))
    np.testing.assert_allclose(near.values, far.values, atol=0.02)
    assert far.recipe_diff == ()
    one, two = (
        evaluate(compact_run, cache, splits.valid)["scores"]["pearson"]["mean"]
        for cache in (small_cache, corpus.cache)
    )
    assert one == pytest.approx(two, abs=0.02)


def test_a_full_head_does_not_take_the_compact_cache(run, small_cache):
    with pytest.raises(RunError, match="made with another recipe"):
        predict(run, small_cache)


def test_another_projection_is_refused(compact_run, corpus, splits, small, quiet, tmp_path, small_cache):
    own = fit(small_cache, splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    compact(corpus.cache, tmp_path / "cache", CompactOptions(pool=3, project=7, dtype="int8"), fit_on=None)
    (own.path / "projection.npz").write_bytes((tmp_path / "cache" / "projection.npz").read_bytes())
    with pytest.raises(RunError, match="not the projection that this head was trained with"):
        predict(own, corpus.cache)
    (own.path / "projection.npz").unlink()
    with pytest.raises(RunError, match="is missing"):
        predict(own, corpus.cache)


@pytest.fixture(scope="module")
def kept(cli_run, corpus, tmp_path_factory):
    """A run from the command line, which knows where its labels are."""
    out = tmp_path_factory.mktemp("kept") / "run"
    cli_run(corpus, out)
    return out


@pytest.fixture(scope="module")
def cli_run(small, quiet):
    def make(corpus, out):
        files = LabelFiles(labels=corpus.labels)
        return fit(
            corpus.cache,
            read_files(files),
            replace(small, epochs=2),
            out,
            progress=quiet,
        )

    return make


def test_reproduce_finds_the_same_bits(cli, kept):
    code, out, _ = cli("reproduce", kept)
    assert code == 0, out
    assert "the same bits" in out


def test_reproduce_takes_speakers_and_targets_without_the_tables(cli, kept, tmp_path):
    code, _, err = cli("reproduce", kept, "--speakers", tmp_path / "gone.csv")
    assert code == 1
    assert "gone.csv" in err
    code, _, err = cli("reproduce", kept, "--targets", "Sorrow")
    assert code == 1
    assert "Sorrow" in err


def test_reproduce_says_what_differs(cli, cli_run, corpus, tmp_path, table):
    cli_run(corpus, tmp_path / "run")
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("train_split.csv", "valid_split.csv"):
        rows = (corpus.labels / name).read_text().replace("s01", "s02")
        (labels / name).write_text(rows)
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    environment["versions"]["torch"] = "1.0"
    (tmp_path / "run" / "environment.json").write_text(json.dumps(environment))
    code, out, _ = cli("reproduce", tmp_path / "run", "--labels", labels, "--json")
    found = json.loads(out)
    assert (code, found["same"]) == (3, False)
    differs = "; ".join(found["differs"])
    assert "label files: other bytes" in differs
    assert "clips and labels: other than then" in differs
    assert "versions: {'torch': '1.0'" in differs
    assert "predictions: largest difference" in differs


def test_a_run_without_its_labels_place_asks_for_it(cli, corpus, splits, small, quiet, tmp_path):
    labels = replace(splits, files=None)
    fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    code, out, err = cli("reproduce", tmp_path / "run")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "name them with --labels" in err


def test_a_bundle_holds_the_head_and_no_data(cli, kept, tmp_path):
    code, _, err = cli("bundle", kept, "--out", tmp_path / "head.zip")
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "head.zip") as archive:
        names = set(archive.namelist())
        content = b"".join(archive.read(name) for name in names)
        hashes = json.loads(archive.read("hashes.json"))
        card = archive.read("README.md").decode()
    assert names == {"README.md", "config.json", "hashes.json", "head.safetensors", "metrics.json"}
    assert b"00061" not in content
    assert len(hashes["recipe_id"]) == 64
    assert "Admiration, Amusement, Empathic Pain" in card
    before = (tmp_path / "head.zip").read_bytes()
    cli("bundle", kept, "--out", tmp_path / "head.zip")
    assert (tmp_path / "head.zip").read_bytes() == before
    assert cli("bundle", kept, "--out", tmp_path / "head.tar")[0] == 1


def test_a_compact_bundle_holds_the_projection(compact_run, tmp_path):
    from train.runs.bundle import bundle

    assert "projection.npz" in bundle(compact_run.path, tmp_path / "head.zip")


def test_a_compact_bundle_names_no_clip_and_is_of_use_as_it_is(
    cli, corpus, make_cache, table, small, quiet, tmp_path, monkeypatch
):
    truth = {f"voice{clip_id}": labels for clip_id, labels in corpus.truth.items()}
    full, ids = make_cache(tmp_path / "full", truth), list(truth)
    rows = [[clip_id, *truth[clip_id]] for clip_id in ids]
    header = ["Filename", "Admiration", "Amusement", "Empathic Pain"]
    labels = LabelFiles(
        table(tmp_path / "t.csv", header, rows[:60]), table(tmp_path / "v.csv", header, rows[60:90])
    )
    small_one = tmp_path / "small"
    monkeypatch.setattr(
        "cache.compaction.fields.NARROW", 4
    )  # so that the toy cache's 8 channels are projected
    compact(full, small_one, CompactOptions(pool=2, project=7, dtype="int8"), fit_on=ids[:60])
    own = fit(small_one, read_files(labels), replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert b"voice00001" in (own.path / "projection.npz").read_bytes()
    assert cli("bundle", own.path, "--out", tmp_path / "head.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "head.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    hashes = json.loads((tmp_path / "unpacked" / "hashes.json").read_text())["files"]
    for path in (tmp_path / "unpacked").iterdir():
        content = path.read_bytes()
        assert b"voice0" not in content, path.name
        if path.name in hashes:
            assert hashes[path.name] == hashlib.sha256(content).hexdigest()
    unpacked = load_run(tmp_path / "unpacked")
    assert unpacked.trained_on() is None
    for cache in (small_one, full):
        np.testing.assert_array_equal(predict(unpacked, cache).values, predict(own, cache).values)
        args = [cache, "--labels", tmp_path / "v.csv", "--permutations", 0]
        code, out, err = cli("evaluate", tmp_path / "unpacked", *args, "--json")
        assert code == 0, err
        assert json.loads(out)["trained_on"] is None
    code, out, err = cli("evaluate", tmp_path / "unpacked", *args)
    assert code == 0, err
    assert "does not say which clips shaped this head" in out
    code, _, err = cli("predict", tmp_path / "unpacked", small_one, "--out", tmp_path / "p.csv")
    assert code == 0, err


def test_patience_ends_a_fit_early(corpus, splits, small, quiet, tmp_path):
    config = replace(small, epochs=60, lr=0.05, patience=3)
    run = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    with (run.path / "history.csv").open() as file:
        done = len(list(csv.DictReader(file)))
    assert done == run.metrics["epoch"] + 3 < 60
    with pytest.raises(ConfigError, match="patience needs a score"):
        replace(small, select="last", patience=1)


def test_the_final_fit_takes_train_and_valid_and_the_epochs_that_a_run_found(cli, run, corpus, tmp_path):
    args = ["--labels", corpus.labels, "--train-on-all", "--out", tmp_path / "final"]
    code, out, err = cli("fit", corpus.cache, *args, "--from", run.path)
    assert code == 0, err
    assert "trained on 90 clips" in out
    assert "no clip is left to report on" in out
    final = load_run(tmp_path / "final")
    assert (final.metrics["epoch"], final.config.epochs) == (run.metrics["epoch"], run.config.epochs)
    assert not (final.path / "predictions.csv").exists()
    assert len(final.trained_on()) == 90
    assert cli("predict", tmp_path / "final", corpus.cache, "--out", tmp_path / "p.csv")[0] == 0
    code, _, err = cli(
        "fit", corpus.cache, "--labels", corpus.labels, "--train-on-all", "--out", tmp_path / "x"
    )
    assert (code, len(err.splitlines())) == (1, 1)
    assert "--from RUN" in err


def test_the_schedule_of_a_shortened_fit_is_that_of_the_whole(corpus, splits, small, quiet, tmp_path):
    whole = fit(corpus.cache, splits, replace(small, select="last"), tmp_path / "a", progress=quiet)
    part = fit(
        corpus.cache, splits, replace(small, select="last", stop_after=2), tmp_path / "b", progress=quiet
    )
    rows = [(each.path / "history.csv").read_text().splitlines() for each in (whole, part)]
    assert rows[1] == rows[0][:3]


@pytest.mark.parametrize("temporal", ["gru", "bilstm", "attention"])
def test_other_temporal_models_learn(corpus, splits, small, quiet, tmp_path, temporal):
    run = fit(
        corpus.cache, splits, replace(small, temporal=temporal, lr=0.02), tmp_path / "run", progress=quiet
    )
    assert run.metrics["valid"]["pearson"]["mean"] > 0.5
    np.testing.assert_allclose(
        predict(load_run(run.path), corpus.cache, splits.valid.clip_ids).values[0],
        predict(run, corpus.cache, splits.valid.clip_ids[:1]).values[0],
        atol=1e-5,
    )


def test_bucketed_and_unbucketed_batches_have_the_same_mean_squared_error(corpus, splits, small):
    import torch

    from cache import CacheReader
    from train.features.batches import BatchFeed, load_features
    from train.features.order import epoch_batches
    from train.heads.head import HeadShape, new_head
    from train.losses.total import batch_loss

    head = new_head(HeadShape(width=11, targets=3, hidden=4), 0)
    targets = torch.from_numpy(splits.train.targets).float()
    losses = []
    with CacheReader(corpus.cache) as reader:
        features = load_features(reader, splits.train.clip_ids, small)
        for by_length in (True, False):
            batches = epoch_batches(features.lengths, 7, 0, 0, by_length)
            total = 0.0
            for part, batch in BatchFeed(features, torch.device("cpu"))(batches):
                loss = batch_loss(("mse",), head(*batch), targets[torch.from_numpy(part)])
                total += loss.value.item() * len(part)
            losses.append(total / len(targets))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_single_clip_to_report_on_is_undefined_not_an_error(corpus, splits, small, quiet, tmp_path):
    labels = Splits(splits.train, splits.valid.take([0]))
    run = fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert run.metrics["valid"]["pearson"]["mean"] is None
