"""Parts of a study: a split is the only one, folds keep their labels beside them and are no others later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train import read_labels
from train.errors import LabelError, RunError
from train.labels.coverage import opened
from train.labels.folds import Folding
from train.labels.tables import Splits
from train.studies.parts import Part, Parts, files_of, fold_parts, kept, whole


@pytest.fixture
def labels(corpus):
    return read_labels(corpus.labels / "train_split.csv")


@pytest.fixture
def parts(corpus, labels):
    return fold_parts([corpus.cache], labels, Folding(3, "speaker"))


def test_a_split_is_the_only_part_and_stays_as_it_is(splits, tmp_path):
    found = whole(splits)
    assert not found.are_folds
    assert found.by_name == {"": splits}
    assert found.spoken(found.all[0]) == ""
    assert kept(found, tmp_path / "absent") is found
    assert whole(found) is found
    assert not (tmp_path / "absent").exists()


def test_folds_report_on_every_clip_once_and_are_named(parts, labels):
    reported = [clip for part in parts.all for clip in part.labels.valid.clip_ids]
    assert sorted(reported) == sorted(labels.clip_ids)
    for part in parts.all:
        both = part.labels.train.clip_ids + part.labels.valid.clip_ids
        assert sorted(both) == sorted(labels.clip_ids)
    assert [part.name for part in parts.all] == ["fold-1", "fold-2", "fold-3"]
    assert parts.spoken(parts.all[2]) == "fold 3 of 3"
    assert parts.divided == "by speaker"


def test_what_a_fold_lacks_is_told_with_its_name(pair, corpus, labels, parts, make_text, small, tmp_path):
    alone = parts.all[1].labels.valid.clip_ids  # the text has these, and no clip that this fold is trained on
    rare = make_text(tmp_path / "rare", corpus.truth, [clip for clip in corpus.truth if clip not in alone])
    with opened({**pair, "text": rare}) as reader:
        parts.all[0].require_plan(reader, small)
        with pytest.raises(LabelError, match=r"^fold-2: text=.* holds none of "):
            parts.all[1].require_plan(reader, small)
        with pytest.raises(LabelError, match=r"^text=.* holds none of "):
            whole(parts.all[1].labels).all[0].require_plan(reader, small)


def test_one_group_alone_is_said(corpus, labels):
    found = fold_parts([corpus.cache], labels, Folding(None, "speaker"))
    assert found.spoken(found.all[3]) == "fold 4 of 10 (s03)"


def test_folds_come_back_from_their_tables_to_the_same_bits(parts, tmp_path):
    again = kept(parts, tmp_path)
    for one, two in zip(parts.all, again.all, strict=True):
        for mine, theirs in ((one.labels.train, two.labels.train), (one.labels.valid, two.labels.valid)):
            np.testing.assert_array_equal(mine.targets, theirs.targets)
            assert (mine.clip_ids, mine.speakers) == (theirs.clip_ids, theirs.speakers)
        assert two.labels.files == files_of(one, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(before) == 6
    kept(parts, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_other_folds_in_the_same_folder_are_refused_before_anything_is_written(
    corpus, labels, parts, tmp_path
):
    kept(parts, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    changed = replace(labels, targets=1 - labels.targets)
    for other in (
        fold_parts([corpus.cache], labels, Folding(4, "speaker")),
        fold_parts([corpus.cache], labels, Folding(2, "speaker")),
        fold_parts([corpus.cache], labels, Folding(3, None, True)),
        fold_parts([corpus.cache], changed, Folding(3, "speaker")),
        Parts(parts.all[:2], parts.divided),
    ):
        with pytest.raises(
            RunError, match="exists and holds something else, a fold of other labels or another"
        ):
            kept(other, tmp_path)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    kept(fold_parts([corpus.cache], labels, Folding(4, "speaker")), tmp_path, overwrite=True)


def test_what_changes_labels_changes_those_of_every_part(parts):
    found = parts.changed(lambda split: Splits(split.valid, split.train))
    assert found.all[1].labels.train is parts.all[1].labels.valid
    assert isinstance(found.all[1], Part)
    assert found.divided == parts.divided


def test_a_cache_without_clips_of_two_folds_is_one_line(labels, make_cache, corpus, tmp_path):
    few = make_cache(tmp_path / "few", {clip: corpus.truth[clip] for clip in list(corpus.truth)[:3]})
    with pytest.raises(LabelError, match="holds clips of 1 fold only"):
        fold_parts([corpus.cache, few], labels, Folding(3, "speaker"))
