"""The comparison with torch covers short and long clips, alone and in a batch, and refuses a file that differs."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import RunError
from train.runs.export import check
from train.runs.export.check import compare, make_clips, random_lengths
from train.runs.export.heads import Plan, onnx_file
from train.runs.export.options import ExportOptions


@pytest.fixture
def plan(make_run) -> Plan:
    return Plan.of(make_run(), ExportOptions())


def test_lengths_go_from_one_frame_to_a_minute(plan, monkeypatch) -> None:
    lengths = random_lengths(plan, np.random.default_rng(0))
    assert {len(each) for each in lengths} == {1, 32}
    assert [each for each in lengths if each in ([1], [3000])] == [[1], [3000]]
    assert (min(lengths[-1]), max(lengths[-1])) == (1, 3000)
    assert len(set(lengths[-1])) > 15
    monkeypatch.setattr(check, "WORK", 1e3)  # a head so large that the batch must be short
    assert max(random_lengths(plan, np.random.default_rng(0))[-1]) == 50


def test_garbage_lies_behind_the_clips(plan) -> None:
    clips = make_clips(plan, [2, 5], np.random.default_rng(0))
    assert np.isnan(clips.inputs["frames"][0, 2:]).all()
    np.testing.assert_array_equal(clips.inputs["frames"][0, :2], clips.frames[0])


@pytest.mark.parametrize("wrong", [np.nan, 1e-3])
def test_a_file_that_differs_is_refused(plan, monkeypatch, wrong) -> None:
    data = onnx_file(plan)
    expected = check.expected_of
    monkeypatch.setattr(check, "expected_of", lambda *given: expected(*given) + wrong)
    with pytest.raises(RunError, match=r"differs from torch by .*nothing is written"):
        compare(data, plan)
