"""What an audit found: as text, as a file, and as an error."""

from __future__ import annotations

import pytest

from train.audit.checks import FAILED, NOT_CHECKED, PASSED, Audit, Check
from train.errors import AuditError, RunError

FOUND = Audit(
    (
        Check("speakers", PASSED, "none in both"),
        Check("loudness", FAILED, "12 dB apart"),
        Check("codec", NOT_CHECKED, "no record of it"),
    )
)


def test_it_reads_back_what_it_wrote(tmp_path) -> None:
    FOUND.save(tmp_path)
    assert Audit.load(tmp_path) == FOUND
    (tmp_path / "audit.json").write_text('[{"name": "speakers"}]')
    with pytest.raises(RunError, match=r"audit\.json"):
        Audit.load(tmp_path)


def test_only_what_failed_is_an_error() -> None:
    with pytest.raises(
        AuditError, match="1 of 3 audit checks failed: loudness: 12 dB apart; correct the splits"
    ):
        FOUND.require()
    Audit((FOUND.checks[0], FOUND.checks[2])).require()


def test_every_outcome_is_named() -> None:
    lines = FOUND.text().splitlines()
    assert [line.split("  ")[0].strip() for line in lines[-3:]] == [PASSED, FAILED, NOT_CHECKED]
