"""Jobs of a study: folds share the features that are read once, and each says which fold it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache import CacheReader
from train import FitConfig, fit, read_labels
from train.errors import LabelError
from train.fitting.fit import SharedFit
from train.labels.folds import Folding
from train.studies.grid import component_rows
from train.studies.jobs import Job, cached_everywhere, filled_bank, study_context
from train.studies.options import StudyOptions
from train.studies.parts import fold_parts

BASE = FitConfig(hidden=4, epochs=1, batch_size=8)


@pytest.fixture
def parts(corpus):
    labels = read_labels(corpus.labels / "train_split.csv")
    return fold_parts([corpus.cache], labels, Folding(3, "speaker"))


def test_the_features_of_all_folds_are_read_once(corpus, parts, tmp_path, monkeypatch, capsys):
    read = []
    real = CacheReader.read_into

    def counted(reader, clip_id, name, out):
        read.append((clip_id, name))
        return real(reader, clip_id, name, out)

    monkeypatch.setattr(CacheReader, "read_into", counted)
    monkeypatch.setattr("train.studies.jobs.run_all", in_this_process)
    rows = component_rows(BASE, "cache")[:2]
    with study_context({"cache": corpus.cache}, parts, rows, StudyOptions(tmp_path / "out")) as context:
        jobs = [
            Job(row, row.with_seed(seed), context.out / row.slug / part.name / str(seed), part)
            for row in rows
            for part in context.parts.all
            for seed in (0, 1)
        ]
        context.fit_all(jobs)
        assert len(read) == len(set(read)) == 2 * 60
        context.fit_all(jobs)
        assert len(read) == 120, "all of them are finished"
    assert "5/12 fits" in (said := capsys.readouterr().err)
    assert "fold 3 of 3" in said


def in_this_process(names, work, workers, done, until):
    for position in range(len(names)):
        work(position)
        done(position)
    return until > 0


def test_a_bank_is_filled_only_with_what_a_fit_takes(corpus, splits, quiet):
    fields = ["hidden_states/2", "vad"]
    with CacheReader(corpus.cache) as reader:
        for change, empty in (({}, False), ({"lstm": False}, True)):
            bank = filled_bank(reader, [splits], [FitConfig(**change)], quiet)
            assert bank.clip_ids == splits.train.clip_ids + splits.valid.clip_ids
            assert (bank.num_bytes(fields) > 0) is empty
        bank = filled_bank(reader, [splits], [FitConfig(lstm=False, clip_vector="statistics")], quiet)
        assert bank.num_bytes(fields) == 0


def test_clips_that_no_cache_has_are_one_line(corpus, splits, make_cache, tmp_path):
    other = make_cache(tmp_path / "other", {"x1": corpus.truth["00000"]})
    with CacheReader(corpus.cache) as one, CacheReader(other) as two:
        with pytest.raises(LabelError, match="none of its clips is in every cache"):
            cached_everywhere(splits.train, {"one": one, "two": two})
        assert cached_everywhere(splits.train, {"one": one}).clip_ids == splits.train.clip_ids


@pytest.mark.parametrize(
    "change",
    [
        {"standardise": "speaker"},
        {"standardise": "train", "temporal": "gru"},
        {"clip_vector": "statistics"},
        {"clip_vector": "statistics", "lstm": False},
    ],
)
def test_a_head_does_not_depend_on_what_the_bank_holds_besides(small_cache, parts, change, quiet, tmp_path):
    config, labels = replace(BASE, **change), parts.all[1].labels
    with CacheReader(small_cache) as reader:  # small integers, scaled clip by clip
        bank = filled_bank(reader, [part.labels for part in parts.all], [config], quiet)
        assert bank.clip_ids != labels.train.clip_ids + labels.valid.clip_ids
        for name, shared in (("own", SharedFit()), ("bank", SharedFit(bank))):
            fit(reader, labels, config, tmp_path / name, progress=quiet, shared=shared)
    for name in ("head.safetensors", "history.csv", "predictions.csv"):
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "bank" / name).read_bytes(), name
