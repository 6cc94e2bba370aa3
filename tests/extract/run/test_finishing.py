"""What an encoder returned is checked and cast, or listed with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from cache.commit.failures import Failure
from cache.common.errors import InvalidValueError
from cache.format.schema import FrameField
from extract.audio.cut import Audio
from extract.encoders.base import Encoded
from extract.run import finishing
from extract.run.finishing import finish
from extract.sources.clips import SourceClip

FIELDS = (FrameField("logmel", 2, np.dtype(np.float16)),)
AUDIO = Audio(np.ones(800, np.float32), True, -3.0, "0" * 64, 11, 22)


def finished(tmp_path, values: np.ndarray):
    clip = SourceClip("a", tmp_path / "a.wav", "a.wav", 1.5, None, 1)
    return finish(clip, AUDIO, Encoded({"logmel": values}, {"logmel": values.mean(axis=0)}, {}), FIELDS)


def test_frames_are_cast_and_the_mean_is_kept_as_it_is(tmp_path) -> None:
    values = np.array([[0.1, 1.0], [0.3, 2.0]], np.float32)
    features = finished(tmp_path, values)
    assert features.frames["logmel"].dtype == np.float16
    np.testing.assert_array_equal(features.frames["logmel"], values.astype(np.float16))
    np.testing.assert_array_equal(features.global_mean["logmel"], values.mean(axis=0))
    assert (features.source, features.start, features.cut) == ("a.wav#channel=1", 1.5, True)
    assert (features.num_samples, features.source_bytes, features.source_mtime_ns) == (800, 11, 22)


@pytest.mark.parametrize(("value", "reason"), [(np.nan, "non_finite"), (1e6, "overflow")])
def test_values_that_must_not_enter_a_cache_are_listed(tmp_path, value, reason) -> None:
    failure = finished(tmp_path, np.full((2, 2), value, np.float32))
    assert isinstance(failure, Failure)
    assert (failure.clip_id, failure.path, failure.stage, failure.reason) == ("a", "a.wav", "encode", reason)


def test_another_shape_than_promised_is_a_fault_of_ours(tmp_path) -> None:
    with pytest.raises(InvalidValueError):
        finished(tmp_path, np.zeros((2, 3), np.float32))


def test_features_that_do_not_fit_the_memory_are_listed(tmp_path, monkeypatch) -> None:
    def check_clip(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(finishing, "check_clip", check_clip)
    failure = finished(tmp_path, np.ones((2, 2), np.float32))
    assert (failure.clip_id, failure.stage, failure.reason) == ("a", "encode", "out_of_memory")
