"""plan is right about hours and gigabytes, and says what is cached, unreadable and different between splits."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from cache import CompactOptions, compact
from extract.__main__ import app
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract


@pytest.fixture
def corpus(tmp_path, voice, write_media):
    """Train in mp3, valid in mp4; one clip is longer than 12 s, one is broken, one is missing."""
    for number in range(4):
        write_media(tmp_path / "audio" / f"{number}.mp3", voice(2.0 + number, 44_100), 44_100)
        write_media(tmp_path / "raw" / f"1{number}.mp4", voice(1.0 + 4 * number, 48_000), 48_000)
    (tmp_path / "raw" / "14.mp4").write_bytes(b"no film")
    (tmp_path / "train_split.csv").write_text("Filename\n" + "".join(f"{n}\n" for n in range(4)))
    (tmp_path / "valid_split.csv").write_text("Filename\n" + "".join(f"1{n}\n" for n in range(6)))
    return tmp_path


def run(corpus, *more: str, expect: int = 3):
    tables = [str(corpus / "train_split.csv"), str(corpus / "valid_split.csv")]
    media = ["--media", str(corpus / "audio"), "--media", str(corpus / "raw")]
    result = CliRunner().invoke(app, ["plan", *tables, *media, "--out", str(corpus / "c"), *more])
    assert result.exit_code == expect, result.output
    return result.stdout


def test_hours_are_right_within_a_percent_and_gigabytes_follow(corpus) -> None:
    report = json.loads(run(corpus, "--json"))
    seconds = sum(2.0 + n for n in range(4)) + sum(1.0 + 4 * n for n in range(4))
    assert report["hours"] * 3600 == pytest.approx(seconds, rel=0.01)
    assert report["hours_to_do"] * 3600 == pytest.approx(seconds - 1.0, rel=0.01)
    assert report["gigabytes"] == pytest.approx((seconds - 1) * 50 * (2 * 1024 + 4 * 3) / 1e9, rel=0.03)
    assert (report["clips"], report["cached"], report["to_do"]) == (10, 0, 8)
    assert {f["clip_id"]: f["reason"] for f in report["failures"]} == {"14": "unreadable", "15": "not_found"}


def test_splits_that_differ_are_warned_of(corpus) -> None:
    text = run(corpus)
    assert re.search(r"train: 4 clips, 0\.00 h\n +4 mp3/mp3\w*, 44100 Hz, 1 channel\n", text)
    assert "4 mp4/aac, 48000 Hz, 1 channel" in text
    assert re.search(r"warning: splits differ: .*44100 Hz, 1 channel is 100% of train, 0% of valid", text)


def test_what_is_cached_is_not_planned_again(corpus) -> None:
    options = ExtractOptions(EncoderOptions("logmel"), media=(corpus / "audio",))
    extract(corpus / "train_split.csv", corpus / "c", options)
    report = json.loads(run(corpus, "--model", "logmel", "--json"))
    assert (report["cached"], report["to_do"]) == (4, 4)
    written = sum(path.stat().st_size for path in (corpus / "c" / "shards").glob("*.h5"))
    planned = json.loads(run(corpus, "--model", "logmel", "--json", "--out", str(corpus / "other")))
    assert planned["gigabytes"] * 1e9 * 14 / 39 == pytest.approx(written, rel=0.5)


ROWS = {
    "fits": "talk.wav,1,2,1",
    "late": "talk.wav,95,99,",
    "ends_late": "talk.wav,2,99,",
    "starts_late": "talk.wav,95,,",
    "reversed": "talk.wav,2,1,",
    "before": "talk.wav,-1,,",
    "channel": "talk.wav,0,1,5",
    "tolerated": "talk.wav,2,3.1,0",
    "mp3": "talk.mp3,95,99,",
}


def test_segments_and_channels_that_a_file_does_not_have_are_listed_as_run_lists_them(
    tmp_path, voice, write_media
) -> None:
    for name in ("talk.wav", "talk.mp3"):
        write_media(tmp_path / name, voice(3.0, channels=2))
    rows = "".join(f"{clip_id},{row}\n" for clip_id, row in ROWS.items())
    (tmp_path / "m.csv").write_text("clip_id,path,start,end,channel\n" + rows)
    arguments = [str(tmp_path / "m.csv"), "--out", str(tmp_path / "c"), "--model", "logmel", "--json"]
    planned = json.loads(CliRunner().invoke(app, ["plan", *arguments]).stdout)
    run = json.loads(CliRunner().invoke(app, ["run", *arguments]).stdout)
    listed = {f["clip_id"]: (f["reason"], f["message"]) for f in planned["failures"]}
    assert listed == {f["clip_id"]: (f["reason"], f["message"]) for f in run["failures"]}
    assert listed.keys() == ROWS.keys() - {"fits", "tolerated"}
    assert listed["late"] == ("bad_segment", "segment 95-99 s, the file has 3.00 s")
    assert listed["starts_late"][1] == "segment 95-end s, the file has 3.00 s"
    assert listed["channel"][1] == "channel 5, the file has 2 (from 0)"
    assert (planned["to_do"], planned["cached"]) == (2, 0)
    assert planned["hours_to_do"] * 3600 == pytest.approx(2.0, abs=0.01)


def test_lengths_that_headers_do_not_say_are_counted_and_so_are_tracks(tmp_path, voice, write_media) -> None:
    path = write_media(tmp_path / "clips" / "piped.wav", voice(1.5))
    data = bytearray(path.read_bytes())
    data[40:44] = b"\x00\xf0\xff\x7f"  # 0x7FFFF000, as sox writes it to a pipe
    path.write_bytes(bytes(data))
    write_media(tmp_path / "clips" / "plain.wav", voice(1.5))
    arguments = ["plan", str(tmp_path / "clips"), "--out", str(tmp_path / "c"), "--model", "logmel"]
    result = CliRunner().invoke(app, arguments)
    assert "1 clip: length unknown from the header, counted by what is there" in result.stdout
    report = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (report["unknown_lengths"], report["several_tracks"]) == (1, 0)
    assert report["hours"] * 3600 == pytest.approx(3.0)


def test_a_plan_like_a_cache_takes_its_recipe_and_counts_what_is_compacted(corpus, tmp_path) -> None:
    options = ExtractOptions(EncoderOptions("logmel"), max_seconds=2.0)
    extract(corpus / "raw", tmp_path / "full", options)
    compact(tmp_path / "full", tmp_path / "small", CompactOptions(pool=4, project=8))
    plain = json.loads(run(corpus, "--json", "--model", "logmel"))
    like_full = json.loads(run(corpus, "--json", "--like", str(tmp_path / "full")))
    like_small = json.loads(run(corpus, "--json", "--like", str(tmp_path / "small")))
    assert like_full["hours_to_do"] == like_small["hours_to_do"] < plain["hours_to_do"], "at most 2 s of each"
    assert like_small["gigabytes"] < like_full["gigabytes"] / 4
    run(corpus, "--like", str(tmp_path / "full"), "--max-seconds", "3", expect=1)
