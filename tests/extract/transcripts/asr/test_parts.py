"""Parts: written once, the latest of a clip counts, a damaged one is heard again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extract.transcripts.asr.parts import Parts, Row, plan_parts

ROW = Row("a", "hi 😀", "en", 0.25, 0.5, "", (("hi", 0.0, 0.2, 0.9),), "0" * 64, "a.wav", (7, 8, 0.0, None))


def plan(*clip_ids: str, generation: int = 0):
    (one,) = plan_parts(clip_ids, dict.fromkeys(clip_ids, generation), 100)
    return one


def test_what_is_committed_is_read_and_the_latest_stands_last(tmp_path) -> None:
    parts = Parts(tmp_path / "p")
    assert parts.commit([ROW], plan("a")).clip_ids == ("a",)
    later = replace(ROW, text="ho", generation=1)
    parts.commit([later], plan("a", generation=1))
    assert Parts(tmp_path / "p").rows() == {"a": [ROW, later]}
    assert parts.is_committed(plan("a"))
    assert parts.commit([], plan("b")) is None


def test_a_part_is_written_once(tmp_path) -> None:
    parts = Parts(tmp_path / "p")
    parts.commit([ROW], plan("a"))
    parts.commit([replace(ROW, text="other")], plan("a"))
    assert parts.rows() == {"a": [ROW]}


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"rows": [1]}\n', None])
def test_a_damaged_part_is_heard_again(tmp_path, damage) -> None:
    parts = Parts(tmp_path / "p")
    parts.commit([ROW], plan("a"))
    (path,) = (tmp_path / "p" / "parts").glob("*.json")
    path.write_bytes(path.read_bytes().replace(b"hi", b"ho") if damage is None else damage)
    assert parts.rows() == {}
    assert not parts.is_committed(plan("a"))


def test_a_shard_has_one_holder(tmp_path) -> None:
    parts = Parts(tmp_path / "p")
    lease = parts.lease(plan("a"))
    assert lease is not None
    assert parts.lease(plan("a")) is None
    lease.release()
    assert parts.lease(plan("a")) is not None


def test_equal_work_has_equal_names_and_every_clip_stands_once() -> None:
    ids = [f"{n:02}" for n in range(10)]
    plans = plan_parts(reversed(ids), {}, 3)
    assert [list(one.planned) for one in plans] == [ids[:3], ids[3:6], ids[6:9], ids[9:]]
    assert plans == plan_parts(ids, {}, 3)
    assert plans[0].name != plan_parts(ids, {"00": 1}, 3)[0].name
