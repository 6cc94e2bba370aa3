"""What a student learns from: frames that meet in time, components of the teacher's, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, CompactOptions, FrameField, compact
from cache.common.errors import EmiError
from cache.format.schema import VAD_DIMS
from train.errors import ConfigError, LabelError
from train.fitting.distil import lessons as lessons_module
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
    with pytest.raises(ConfigError, match=r"expected log-mel frames .*--model logmel"):
        read(pair._replace(logmel=pair.teacher))


@pytest.fixture
def taught(pair, tmp_path):
    """Return the pair with another teacher: clips and frames as a function of the first one's makes them."""

    def make(of_frames=lambda _, values: values, clips: int = 36, dtype=np.float16):
        fields = [FrameField("features", 12, np.dtype(dtype)), FrameField("vad", 3, np.dtype(np.float32))]
        said = []
        with CacheReader(pair.teacher) as teacher:
            for number, clip_id in enumerate(teacher.clip_ids[:clips]):
                frames = {
                    name: np.asarray(of_frames(number, values.astype(np.float32)))
                    for name, values in teacher[clip_id].frames.items()
                }
                means = {name: values.mean(0) for name, values in frames.items()}
                vad = {"vad": means["vad"]}
                said.append(ClipFeatures(clip_id, frames, means, 8000, -20.0, f"{number:0>64}", vad))
        CacheWriter.open(tmp_path / "teacher", {"model": "other"}, fields).commit(said)
        return pair._replace(teacher=tmp_path / "teacher")

    return make


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "clips/vad is the same for every clip"),
        ({"targets_from": "linear"}, "means of 36 clips vary in 0 components"),
        ({"targets_from": "none", "hidden": 2}, "features is the same in every frame"),
    ],
)
def test_a_teacher_that_always_says_the_same_is_refused(taught, options, message) -> None:
    constant = taught(lambda _, values: np.full_like(values, 0.5))
    with pytest.raises(ConfigError, match=message):
        read(constant, **options)


def test_three_components_need_clips_that_vary_in_three(taught) -> None:
    with pytest.raises(ConfigError, match=r"means of 3 clips vary in 2 components.* more clips"):
        read(taught(clips=3), targets_from="linear")


def test_one_clip_in_common_is_refused(taught) -> None:
    with pytest.raises(LabelError, match="one clip in common, c000"):
        read(taught(clips=1))


def test_frames_too_large_for_sums_are_refused(taught) -> None:
    with pytest.raises(EmiError, match="so large that float32 holds no square"):
        read(taught(lambda _, values: values * 1e20, dtype=np.float32), targets_from="linear")


def test_a_single_clip_far_beyond_all_others_is_named(taught, monkeypatch) -> None:
    monkeypatch.setattr(lessons_module, "MOST_CLIPS", 5)  # c001 is none that the axes are taken from
    far = taught(lambda number, values: values * (1e6 if number == 1 else 1.0), dtype=np.float32)
    with pytest.raises(ConfigError, match=r"frames of clip c001 are .* times as large as others"):
        read(far, hidden=3)


def test_caches_of_other_clips_are_refused(pair, tmp_path) -> None:
    with CacheReader(pair.teacher) as teacher:
        fields, clip = list(teacher.frame_fields.values()), teacher["c000"]
    other = ClipFeatures(
        "x1", clip.frames, clip.global_mean, 8000, -20.0, "1" * 64, {"vad": clip.clip["vad"]}
    )
    CacheWriter.open(tmp_path / "other", {"model": "other"}, fields).commit([other])
    with pytest.raises(LabelError, match="no clip in common: c000, c001, c002 and x1"):
        read(pair._replace(teacher=tmp_path / "other"))
    with (
        CacheReader(tmp_path / "other") as reader,
        pytest.raises(ConfigError, match="found a cache of other"),
    ):
        require_logmel(reader)


def test_a_compact_cache_of_log_mel_frames_is_named_as_such(pair, tmp_path) -> None:
    compact(pair.logmel, tmp_path / "small", CompactOptions())
    with pytest.raises(ConfigError, match=r"found a compact cache of logmel"):
        read(pair._replace(logmel=tmp_path / "small"))
