"""Who says what is drawn from the seed alone; every speaker has every container, splits share no speaker."""

from __future__ import annotations

import numpy as np

from extract.demo.clip_plan import NUM_SPEAKERS, SUFFIXES, draw_speakers, plan_clips, suffix_of


def test_every_speaker_has_every_container():
    """Else a container would tell a split: the audit of a fit finds exactly that."""
    seen = {(index % NUM_SPEAKERS, suffix_of(index)) for index in range(240)}
    assert len(seen) == NUM_SPEAKERS * len(SUFFIXES)


def test_one_seed_gives_one_plan() -> None:
    one, again, other = plan_clips(48, 3), plan_clips(48, 3), plan_clips(48, 4)
    for clip, same in zip(one, again, strict=True):
        assert (clip.clip_id, clip.file, clip.duration, clip.seed) == (
            same.clip_id,
            same.file,
            same.duration,
            same.seed,
        )
        np.testing.assert_array_equal(clip.intensities, same.intensities)
    assert [clip.duration for clip in one] != [clip.duration for clip in other]
    assert draw_speakers(3) == draw_speakers(3) != draw_speakers(4)


def test_no_intensity_is_constant_in_a_split_and_no_speaker_is_in_both() -> None:
    plan = plan_clips(24, 0)
    for split in ("train", "valid"):
        values = np.stack([clip.intensities for clip in plan if clip.split == split])
        assert (values.std(axis=0) > 0).all()
        assert ((values * 9).round(9) % 1 == 0).all()
    speakers = [{clip.speaker for clip in plan if clip.split == split} for split in ("train", "valid")]
    assert not speakers[0] & speakers[1]
