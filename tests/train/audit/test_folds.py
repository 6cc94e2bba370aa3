"""The audit of folds: what they share is said once, and what differs with the folds it is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache import CacheReader
from train import Splits
from train.audit.audit import audit_splits
from train.audit.checks import FAILED, NOT_CHECKED, PASSED, Audit, Check
from train.audit.folds import audit_folds, audit_parts, joined
from train.errors import AuditError


def test_what_all_folds_have_in_common_is_said_once():
    same = Check("coverage", PASSED, "all 60")
    found = joined({name: Audit((same,)) for name in ("fold-1", "fold-2")})
    assert found == Audit((same,))


@pytest.mark.parametrize(
    ("outcomes", "outcome", "detail"),
    [
        ((PASSED, PASSED, PASSED), PASSED, "3 of 3 folds, fold-1: 1 clips and so on"),
        ((PASSED, FAILED, FAILED), FAILED, "2 of 3 folds, fold-2: 2 clips; fold-3: 3 clips"),
        ((PASSED, NOT_CHECKED, PASSED), NOT_CHECKED, "1 of 3 folds, fold-2: 2 clips"),
    ],
)
def test_of_what_differs_the_worst_is_said_with_its_folds(outcomes, outcome, detail):
    audits = {
        f"fold-{n}": Audit((Check("speakers", each, f"{n} clips"),)) for n, each in enumerate(outcomes, 1)
    }
    assert joined(audits).checks == (Check("speakers", outcome, detail),)


def test_a_split_is_audited_as_the_only_fold(corpus, splits):
    with CacheReader(corpus.cache) as reader:
        expected = audit_splits(reader, splits)
        assert audit_folds(reader, {"": splits}) == {"": expected}
    assert audit_parts({"cache": corpus.cache}, {"": splits}) == expected
    two = audit_parts({"a": corpus.cache, "b": corpus.cache}, {"": splits})
    assert [check.name for check in two.checks[:2]] == [f"a: {check.name}" for check in expected.checks[:2]]


def test_a_leak_in_one_fold_ends_a_strict_study(corpus, splits):
    leaky = Splits(splits.train, replace(splits.valid, speakers=("s00",) * 30))
    parts = {"fold-1": splits, "fold-2": leaky}
    with pytest.raises(AuditError, match="speakers, train and valid: 1 of 2 folds, fold-2: 1 in both"):
        audit_parts({"cache": corpus.cache}, parts, strict=True)
