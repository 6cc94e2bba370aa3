"""What a student learns from: frames that meet in time, components of the teacher's, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from cache.format.schema import VAD_DIMS
from train.errors import ConfigError, LabelError
from train.fitting.distil.lessons import _nearest, read_lessons, require_logmel
from train.fitting.distil.options import DistilOptions


def read(pair, **options):
    with CacheReader(pair.logmel) as logmel, CacheReader(pair.teacher) as teacher:
        return read_lessons(logmel, teacher, DistilOptions(**options))


def test_it_says_the_teachers_vad_of_clips_and_frames(pair) -> None:
    lessons = read(pair)
    with CacheReader(pair.teacher) as teacher:
        clip = teacher["c007"]
    at = lessons.clip_ids.index("c007")
    assert lessons.dimensions == VAD_DIMS
    np.testing.assert_array_equal(lessons.clips[at].astype(np.float32), clip.clip["vad"])
    np.testing.assert_array_equal(lessons.readout[at], clip.frames["vad"])
    assert lessons.frames[at].dtype == np.float16
    assert (lessons.unmatched, lessons.explained, lessons.components) == (0, None, 0)


def test_a_linear_read_out_is_of_deviation_1_and_the_same_of_clips_and_frames(mute) -> None:
    lessons = read(mute, targets_from="linear")
    np.testing.assert_allclose(lessons.clips.std(0, ddof=1), 1, rtol=0.1)
    np.testing.assert_allclose([each.mean(0) for each in lessons.readout], lessons.clips, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(lessons.clips.T), np.eye(3), atol=0.05)


def test_components_hold_the_teachers_frames(mute) -> None:
    lessons = read(mute, targets_from="none", hidden=3)
    assert lessons.explained == pytest.approx(1, abs=1e-3)  # three numbers a frame lie behind them
    stacked = np.concatenate(lessons.hidden).astype(np.float64)
    assert np.square(stacked).mean() == pytest.approx(1, rel=0.1)
    assert lessons.clips.shape == (36, 0)


def test_frames_meet_in_time() -> None:
    assert _nearest(6, 0.02, 3, 0.04).tolist() == [0, 0, 1, 1, 2, 2]
    assert _nearest(4, 0.02, 3, 0.02).tolist() == [0, 1, 2, 2]  # the teacher ends one frame earlier
    assert _nearest(2, 0.02, 4, 0.01).tolist() == [1, 3]


def test_what_cannot_be_learned_is_refused_with_the_way_out(pair, mute) -> None:
    with pytest.raises(ConfigError, match=r"no vad, found features; .*--targets-from linear"):
        read(mute)
    with pytest.raises(ConfigError, match="features has 12 channels; found --hidden 13"):
        read(pair, hidden=13)
    with pytest.raises(ConfigError, match=r"expected log-mel frames: .*--model logmel"):
        read(pair._replace(logmel=pair.teacher))


def test_caches_of_other_clips_are_refused(pair, tmp_path) -> None:
    from cache import CacheWriter

    with CacheReader(pair.teacher) as teacher:
        fields, clip = list(teacher.frame_fields.values()), teacher["c000"]
    from cache import ClipFeatures

    other = ClipFeatures(
        "x1", clip.frames, clip.global_mean, 8000, -20.0, "1" * 64, {"vad": clip.clip["vad"]}
    )
    CacheWriter.open(tmp_path / "other", {"model": "other"}, fields).commit([other])
    with pytest.raises(LabelError, match="no clip in common: c000, c001, c002 and x1"):
        read(replace_teacher(pair, tmp_path / "other"))
    with (
        CacheReader(tmp_path / "other") as reader,
        pytest.raises(ConfigError, match="found a cache of other"),
    ):
        require_logmel(reader)


def replace_teacher(pair, path):
    return pair._replace(teacher=path)
