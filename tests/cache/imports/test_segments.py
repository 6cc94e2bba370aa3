"""Segments cut from recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cache.commit.failures import Failure
from cache.common.errors import CacheError, TableError
from cache.imports.entry import Entry, Sources
from cache.imports.options import ImportOptions
from cache.imports.segments import cut
from cache.imports.values import Values, of_array

A = np.arange(20.0).reshape(10, 2)


def sources(values: Values, failures: tuple[Failure, ...] = ()) -> Sources:
    return Sources((Entry("v1", values, Path("v1.csv"), "v1.csv"),), failures, {"csv": 1}, 0)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "segments.csv"
    path.write_text(
        "id,video,start,end\n00042,v1,1.0,2.0\nall,v1,0,\nlate,v1,90,99\nnone,v9,0,1\nback,v1,2,1\n"
    )
    return path


@pytest.mark.parametrize("stamped", [True, False])
def test_frames_from_start_to_before_end(table, stamped) -> None:
    reads = []

    def load():
        reads.append(1)
        return A

    values = Values(A.shape, A.dtype, load, None, lambda: np.arange(10) * 250.0) if stamped else of_array(A)
    options = ImportOptions(time_unit="ms") if stamped else ImportOptions(frame_shift=0.25)
    found = cut(sources(values), table, options)
    clips = {entry.clip_id: entry for entry in found.entries}
    assert list(clips) == ["00042", "all"]
    np.testing.assert_array_equal(clips["00042"].values.load(), A[4:8])
    np.testing.assert_array_equal(clips["all"].values.load(), A)
    assert clips["00042"].values.shape == (4, 2)
    assert len(reads) <= 1  # the segments of a recording are read at once
    assert {f.clip_id: f.reason for f in found.failures} == {
        "late": "bad_segment",
        "none": "not_found",
        "back": "bad_segment",
    }


def test_a_recording_that_cannot_be_read_fails_its_segments(table) -> None:
    broken = Failure("v9", "v9.csv", "source", "unreadable", "damaged")
    found = cut(sources(of_array(A), (broken,)), table, ImportOptions(frame_shift=0.25))
    (failure,) = (each for each in found.failures if each.clip_id == "none")
    assert (failure.reason, failure.message) == ("unreadable", "damaged")


def test_times_must_be_known_and_rise(table) -> None:
    with pytest.raises(CacheError, match="--frame-shift"):
        cut(sources(of_array(A)), table, ImportOptions())
    values = Values(A.shape, A.dtype, lambda: A, None, lambda: np.zeros(10))
    found = cut(sources(values), table, ImportOptions())
    assert found.entries == ()
    assert "do not rise" in found.failures[0].message


def test_a_table_without_recordings_or_times_is_refused(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("clip_id,joy\na,1\n")
    with pytest.raises(TableError, match="found the columns clip_id, joy, expected"):
        cut(sources(of_array(A)), path, ImportOptions(frame_shift=1.0))


def test_only_frames_can_be_cut(table) -> None:
    found = cut(sources(of_array(A[0])), table, ImportOptions(frame_shift=1.0))
    assert {f.reason for f in found.failures} == {"wrong_shape", "not_found"}
