"""Clips become the flat arrays of a shard, once every value of them may enter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import FrameField
from cache.common.errors import InvalidValueError
from cache.format.checksums import crc32c
from cache.shards.arrays import check_clip, shard_arrays, text_array


def test_clips_lie_one_after_the_other(make_clip, fields) -> None:
    clips = [make_clip("a", 4), make_clip("b", 6)]
    shard = shard_arrays(clips, fields)
    assert shard.arrays["offsets"].tolist() == [0, 4, 10]
    np.testing.assert_array_equal(shard.arrays["frames/vad"][4:], clips[1].frames["vad"])
    assert shard.arrays["frames/hidden_states/2"].dtype == np.float16
    assert shard.arrays["clips/duration"].tolist() == [clip.num_samples / 16000 for clip in clips]
    assert [crc32c(shard.arrays["frames/vad"][:4]), crc32c(shard.arrays["frames/vad"][4:])] == shard.arrays[
        "clips/crc32c/vad"
    ].tolist()
    for name, array in shard.arrays.items():
        assert shard.crc32c(name) == crc32c(array), name


def test_int8_comes_with_its_scale_and_offset(make_clip) -> None:
    fields = (FrameField("hidden_states/2", 8, np.dtype(np.int8)), FrameField("vad", 3))
    arrays = shard_arrays([make_clip("a", 4), make_clip("b", 6)], fields).arrays
    assert arrays["frames/hidden_states/2"].dtype == np.int8
    assert arrays["scale/hidden_states/2"].shape == arrays["offset/hidden_states/2"].shape == (2, 8)
    assert "scale/vad" not in arrays


def test_silence_is_marked_at_the_floor_of_loudness(make_clip, fields) -> None:
    clips = [replace(make_clip("a"), rms_db=-300.0), make_clip("b")]
    arrays = shard_arrays(clips, fields).arrays
    assert arrays["clips/rms_db"].tolist() == [-120.0, -20.0]
    assert arrays["clips/silent"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("hidden_states/2", 65_504.0, "overflow"),
        ("hidden_states/2", -np.inf, "non_finite"),
        ("vad", np.nan, "non_finite"),
    ],
)
def test_values_that_must_not_enter_have_a_reason(make_clip, fields, field, value, reason) -> None:
    clip = make_clip("a")
    clip.frames[field][1, 2] = value
    with pytest.raises(InvalidValueError, match="clip a") as refused:
        check_clip(clip, fields)
    assert refused.value.reason == reason
    half = replace(clip, frames={name: array.astype(np.float16) for name, array in clip.frames.items()})
    if field != "vad":
        with pytest.raises(InvalidValueError):
            check_clip(half, fields)


def test_text_is_utf8_of_one_width() -> None:
    assert text_array(["a", "äß"]).tolist() == [b"a", "äß".encode()]
    assert text_array([""]).dtype == np.dtype("S1")
