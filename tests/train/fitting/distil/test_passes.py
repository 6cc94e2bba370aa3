"""Who is held out: every speaker once, or what a table names; nobody is heard and held out at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from train.errors import LabelError
from train.fitting.distil.passes import HeldOut, heard_speakers, plan_passes, speakers_of

IDS = [f"c{number}" for number in range(12)]
WHO = {clip_id: f"s{number % 4}" for number, clip_id in enumerate(IDS)}


def test_every_speaker_is_held_out_once_and_then_all_are_heard() -> None:
    *folds, last = plan_passes(IDS, HeldOut(WHO, None, Path("w.csv")), 4)
    assert sorted(at for each in folds for at in each.held) == list(range(12))
    for each in folds:
        assert not {WHO[IDS[at]] for at in each.held} & {WHO[IDS[at]] for at in each.heard}
    assert (len(last.heard), len(last.held)) == (12, 0)


def test_without_speakers_clips_are_divided() -> None:
    assert len(plan_passes(IDS, HeldOut(None, None, Path("cache")), 3)) == 4


def test_clips_that_a_table_names_are_never_heard(tmp_path) -> None:
    table = tmp_path / "valid.csv"
    table.write_text("clip_id\nc3\nc7\nelsewhere\n")
    (only,) = plan_passes(IDS, HeldOut(WHO, table, Path("w.csv")), 5)
    assert only.held.tolist() == [3, 7]
    assert np.intersect1d(only.held, only.heard).size == 0
    for named, count in (["elsewhere"], 0), (IDS, 12), (IDS[1:], 11):
        table.write_text("\n".join(["clip_id", *named]))
        with pytest.raises(LabelError, match=f"names {count} of the 12 clips.* 2 others to learn from"):
            plan_passes(IDS, HeldOut(WHO, table, Path("w.csv")), 5)


def test_incomplete_and_too_few_speakers_are_refused() -> None:
    with pytest.raises(LabelError, match=r"w\.csv: 1 of 12 clips have no known speaker"):
        plan_passes(IDS, HeldOut({k: v for k, v in WHO.items() if k != "c0"}, None, Path("w.csv")), 3)
    with pytest.raises(LabelError, match="4 speakers for 5 folds; use fewer --folds"):
        plan_passes(IDS, HeldOut(WHO, None, Path("w.csv")), 5)


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        (dict.fromkeys(IDS, "Ann"), "all 12 clips are of speaker Ann.*leave --speakers out, or .*--valid"),
        ({"C0": "Ann", "C1": "Bo"}, "speaker of none of the 12 clips.* such as c0; 2 of the 12 would match"),
    ],
)
def test_a_table_that_keeps_nobody_out_is_refused(speakers, message) -> None:
    with pytest.raises(LabelError, match=rf"w\.csv: .*{message}"):
        plan_passes(IDS, HeldOut(speakers, None, Path("w.csv")), 3)


def test_speakers_of_clips_held_out_are_all_known_or_none_and_those_heard_too_are_counted(tmp_path) -> None:
    table, some = tmp_path / "valid.csv", {"c0": "s0", "c3": "s3"}
    table.write_text("clip_id\nc3\nc7\n")
    passes = plan_passes(IDS, HeldOut(WHO, table, Path("w.csv")), 5)
    assert heard_speakers(passes, speakers_of(IDS, HeldOut(WHO, table, Path("w.csv")))) == (1, 1)
    assert heard_speakers(plan_passes(IDS, HeldOut(WHO, None, Path("w.csv")), 4), list(WHO.values())) == (
        0,
        1,
    )
    assert heard_speakers(passes, [None] * 12) == (0, 0)
    with pytest.raises(LabelError, match=r"1 of the 2 clips that are held out have no known speaker.*: c7;"):
        plan_passes(IDS, HeldOut(some, table, Path("w.csv")), 5)


def test_one_clip_is_nothing_to_learn_from() -> None:
    with pytest.raises(LabelError, match="2 clips in 2 folds leave one clip"):
        plan_passes(IDS[:2], HeldOut(None, None, Path("cache")), 2)
