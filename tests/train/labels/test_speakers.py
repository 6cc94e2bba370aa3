"""A speaker for every clip or for none: each unknown one would be drawn as a speaker of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from train import FitConfig, Run, Splits, fit, read_labels, read_splits
from train.errors import LabelError
from train.labels.folds import Folding, divide
from train.labels.read_tables import read_files
from train.labels.tables import Labels, require_speakers


def without(labels: Labels, count: int) -> Labels:
    """Forget the speakers of the last clips."""
    return dataclasses.replace(labels, speakers=labels.speakers[:-count] + (None,) * count)


@pytest.fixture
def some(corpus, table, tmp_path) -> Path:
    """Speakers of 20 of the 30 validation clips, and of all training clips."""
    known = [[clip, who] for clip, who in list(corpus.speakers.items())[:80]]
    return table(tmp_path / "speakers.csv", ["clip_id", "speaker"], known)


@pytest.fixture
def bare(corpus, table, tmp_path) -> Path:
    """The corpus' labels without a speaker column."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for name, part in (("train", list(corpus.truth)[:60]), ("valid", list(corpus.truth)[60:90])):
        rows = [[clip, *corpus.truth[clip]] for clip in part]
        table(folder / f"{name}_split.csv", ["Filename", "Admiration", "Amusement", "Empathic Pain"], rows)
    return folder


def test_evaluate_refuses_speakers_of_some_clips(corpus, run: Run, bare, some, cli):
    code, _, err = cli("evaluate", run.path, corpus.cache, "--labels", bare, "--speakers", some)

    assert code == 1
    assert "10 of 30 clips have no known speaker, expected all or none: 00080, 00081" in err
    assert "complete the --speakers table" in err
    assert "clip-level" in err
    assert cli("evaluate", run.path, corpus.cache, "--labels", bare)[0] == 0  # no speakers at all


def test_a_speakers_table_of_other_clips_is_refused(bare, table, tmp_path):
    known = table(tmp_path / "others.csv", ["clip_id", "speaker"], [["elsewhere", "s1"]])

    with pytest.raises(LabelError, match="60 of 60 clips have no known speaker"):
        read_splits(labels=bare, speakers=known)


@pytest.mark.parametrize("part", ["train", "valid"])
def test_fits_refuse_speakers_of_some_clips(part, corpus, splits: Splits, small: FitConfig, tmp_path, quiet):
    incomplete = dataclasses.replace(splits, **{part: without(getattr(splits, part), 3)})

    with pytest.raises(LabelError, match=r"3 of \d+ clips have no known speaker"):
        fit(corpus.cache, incomplete, small, tmp_path / "run", progress=quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["ablate", "baseline"])
def test_tables_refuse_speakers_of_some_clips(command, corpus, bare, some, tmp_path, cli):
    code, _, err = cli(command, corpus.cache, "--labels", bare, "--speakers", some, "--out", tmp_path / "out")

    assert (code, "10 of 30 clips have no known speaker" in err) == (1, True)


def test_folds_refuse_speakers_of_some_clips(splits: Splits):
    for folding in (Folding(3, "speaker"), Folding(3, None, allow_overlap=True)):
        with pytest.raises(LabelError, match="4 of 60 clips have no known speaker"):
            divide(without(splits.train, 4), folding)


def test_a_clip_that_is_not_used_needs_no_speaker(corpus, bare, some):
    labels = read_labels(bare, None, "valid", {clip: "s" for clip in list(corpus.truth)[:80]})

    require_speakers(labels.take(range(20)))  # those of the cache, say
    with pytest.raises(LabelError, match="have no known speaker"):
        require_speakers(labels)


def test_a_report_refuses_speakers_of_some_clips(corpus, small, bare, table, tmp_path, quiet, cli):
    from train.labels.label_files import LabelFiles

    everyone = table(tmp_path / "all.csv", ["clip_id", "speaker"], list(corpus.speakers.items()))
    files = LabelFiles(labels=bare, speakers=everyone)
    fit(corpus.cache, read_files(files), small, tmp_path / "run", progress=quiet)
    table(everyone, ["clip_id", "speaker"], list(corpus.speakers.items())[:80])

    code, _, err = cli("report", tmp_path / "run")

    assert (code, "10 of 30 clips have no known speaker" in err) == (1, True)


def test_a_report_refuses_a_study_with_speakers_of_some_clips(cli, corpus, tmp_path, as_older):
    out = tmp_path / "floor"
    assert cli("baseline", corpus.cache, "--labels", corpus.labels, "--out", out)[0] == 0
    truth = as_older(out) / "truth.csv"
    truth.write_text(truth.read_text().replace(",s13\n", ",\n"))

    code, _, err = cli("report", out)

    assert (code, f"{truth}: 6 of 30 clips have no known speaker" in err) == (1, True)
