"""Options of studies: defaults that fit one seed in one process, and nothing that can be changed under way."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from train.studies.options import RepeatOptions, StudyOptions


def test_a_study_of_one_seed_in_one_process_is_the_default(tmp_path) -> None:
    options = StudyOptions(tmp_path)
    assert (list(options.seeds), options.workers, options.tune) == ([0], 1, False)
    assert replace(options, out=tmp_path / "confirmed").seeds == options.seeds


def test_repeats_neither_overwrite_nor_refuse_unless_asked(tmp_path) -> None:
    options = RepeatOptions(tmp_path)
    assert not options.overwrite
    assert not options.strict
    with pytest.raises(FrozenInstanceError):
        options.overwrite = True
