"""How many labelled clips a cache holds is counted, and too few are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from cache.tools.info import info
from train import read_labels
from train.errors import LabelError
from train.labels.coverage import cached, check_coverage, coverage, is_compact, opened


def test_missing_clips_are_counted_and_left_out(corpus, splits):
    labels = replace(splits.valid, clip_ids=("lost", *splits.valid.clip_ids[1:]))
    with CacheReader(corpus.cache) as reader:
        found = coverage(labels, reader)
        assert found == {"labelled": 30, "cached": 29, "share": 29 / 30, "missing": ["lost"]}
        assert cached(labels, reader).clip_ids == labels.clip_ids[1:]
        check_coverage(found, labels, reader, 0.9)
        with pytest.raises(LabelError, match=r"29 of 30 labelled clips.*\(96.7%\).*missing: lost"):
            check_coverage(found, labels, reader, 0.99)


def test_no_clip_in_common_shows_ids_of_both_sides(corpus, splits):
    labels = replace(splits.valid, clip_ids=tuple(f"x{clip}" for clip in splits.valid.clip_ids))
    with (
        CacheReader(corpus.cache) as reader,
        pytest.raises(LabelError, match=r"labels name x00060.*holds 000"),
    ):
        check_coverage(coverage(labels, reader), labels, reader, 0.0)


def test_a_reader_that_was_given_stays_open(corpus, small_cache):
    with CacheReader(corpus.cache) as reader:
        with opened(reader) as same:
            assert same is reader
        assert reader.clip_table("clips/duration", ["00000"]).shape == (1,)
        assert not is_compact(reader)
    with opened(small_cache) as reader:
        assert is_compact(reader)


@pytest.fixture
def doubled(make_cache, table, tmp_path):
    """A cache of c00 … and c00.mp4 …, as of c00.wav beside c00.mp4.wav, and a table that says c00.mp4 …"""
    rng = np.random.default_rng(3)
    truth = {f"c{at:02}{suffix}": rng.random(3) for at in range(40) for suffix in ("", ".mp4")}
    for name, part in (("train", range(28)), ("valid", range(28, 40))):
        rows = [[f"c{at:02}.mp4", *truth[f"c{at:02}.mp4"]] for at in part]
        table(tmp_path / f"{name}_split.csv", ["Filename", "a", "b", "c"], rows)
    return make_cache(tmp_path / "cache", truth), tmp_path


def test_exact_text_comes_first_in_every_command(doubled, cli, tmp_path):
    cache, labels = doubled
    valid = labels / "valid_split.csv"
    with CacheReader(cache) as reader:
        kept = cached(read_labels(valid), reader)
        assert kept.clip_ids == tuple(f"c{at}.mp4" for at in range(28, 40))
        assert coverage(kept, reader)["missing"] == []
        assert cached(kept, reader).clip_ids == kept.clip_ids
    out = ["--out", tmp_path / "run", "--epochs", 1, "--hidden", 4, "--threads", 1]
    assert cli("fit", cache, "--labels", labels, *out)[0] == 0
    assert {
        line.partition(",")[0] for line in (tmp_path / "run" / "clips.csv").read_text().splitlines()[1:]
    } == {f"c{at:02}.mp4" for at in range(40)}
    predicted = {}
    for name, column in (("table", valid), ("all", None)):
        ids = ["--ids", column] if column else []
        csv = tmp_path / f"{name}.csv"
        assert cli("predict", tmp_path / "run", cache, *ids, "--out", csv)[0] == 0
        lines = (line.split(",") for line in csv.read_text().splitlines()[1:])
        predicted[name] = {clip_id: np.array(values, dtype=float) for clip_id, *values in lines}
    assert tuple(predicted["table"]) == kept.clip_ids
    for clip_id, values in predicted["table"].items():
        np.testing.assert_allclose(values, predicted["all"][clip_id], atol=1e-6)
    assert np.abs(predicted["table"]["c28.mp4"] - predicted["all"]["c28"]).max() > 1e-3
    code, text, _ = cli("evaluate", tmp_path / "run", cache, "--labels", valid, "--permutations", 0, "--json")
    assert (code, '"trained_on": 0' in text) == (0, True)
    assert info(cache, [valid])["coverage"] == {"valid_split": {"cached": 12, "missing": 0}}


def test_a_study_keeps_the_ids_of_its_cache(doubled, cli, tmp_path):
    cache, labels = doubled
    assert cli("baseline", cache, "--labels", labels, "--out", tmp_path / "floor")[0] == 0
    code, _, err = cli("report", tmp_path / "floor")
    assert (code, err) == (0, "")
    assert "\nc28.mp4," in (tmp_path / "floor" / "truth.csv").read_text()


def test_what_may_mean_two_clips_is_refused(make_cache, table, tmp_path):
    cache = make_cache(tmp_path / "cache", {f"c1{suffix}": np.zeros(3) for suffix in (".mp4", ".wav")})
    labels = read_labels(table(tmp_path / "t.csv", ["Filename", "a"], [["c1", 0.5]]))
    with (
        CacheReader(cache) as reader,
        pytest.raises(ValueError, match=r"t\.csv: 'c1' may mean the clips c1.mp4, c1.wav"),
    ):
        cached(labels, reader)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda clip: clip.lstrip("0") or "0",
            r"30 of the 30 would match without leading zeros \('60', '00060'\)",
        ),
        (
            lambda clip: f"audio/{clip}",
            r"30 of the 30 would match without the folder \('audio/00060', '00060'\)",
        ),
        (lambda clip: f"x{clip}", "must be the same text$"),
    ],
)
def test_ids_that_nearly_match_are_counted_but_never_matched(corpus, splits, change, said):
    ids = tuple(change(clip) for clip in splits.valid.clip_ids)
    labels = replace(splits.valid, clip_ids=ids, written_ids=ids)
    with CacheReader(corpus.cache) as reader:
        assert coverage(labels, reader)["cached"] == 0
        with pytest.raises(LabelError, match=said):
            check_coverage(coverage(labels, reader), labels, reader, 0.0)


def test_clips_that_are_dropped_are_told_from_those_that_no_stream_holds(pair, splits):
    lacking = splits.valid.take([at for at, clip in enumerate(splits.valid.clip_ids) if int(clip) % 7 == 0])
    with opened(pair, "drop") as reader:
        for labels, said in ((splits.valid, "26 of 30 labelled"), (lacking, "none of its clips is in every")):
            why = r"--missing drop leaves out what a stream lacks \(text lacks 4\), token keeps it$"
            with pytest.raises(LabelError, match=f"{said}.*{why}"):
                check_coverage(coverage(labels, reader), labels, reader, 0.95)


def test_a_prediction_counts_ids_that_nearly_match(corpus, run, cli, tmp_path):
    (tmp_path / "ids.txt").write_text("7\n8\n00009\n")
    code, _, err = cli(
        "predict", run.path, corpus.cache, "--ids", tmp_path / "ids.txt", "--out", tmp_path / "p.csv"
    )
    assert code == 1
    assert "2 of the 3 clips asked for are not in the cache" in err
    assert "2 of the 2 would match without leading zeros ('7', '00007'), but ids are text" in err


def test_speakers_whose_ids_nearly_match_are_counted(table, tmp_path):
    path = table(tmp_path / "t.csv", ["clip_id", "a"], [["00012", 0.5], ["00013", 0.25]])
    with pytest.raises(LabelError, match=r"2 of the 2 would match without leading zeros"):
        read_labels(path, speakers={"12": "x", "13": "y"})
