"""The table of runs below a folder: all kinds, once each, whatever else lies there; quickly."""

from __future__ import annotations

import json
import math
import shutil
import time

import pytest

from train.errors import ConfigError, RunError
from train.overview.catalog import entries_below, entries_text
from train.studies.scored import score_rows
from train.studies.study import load_study


@pytest.fixture
def folder(kept, folded, ensembled, study, tmp_path):
    """A folder with one of each kind, deep and shallow."""
    for source, place in ((kept, "one"), (folded, "deep/folds"), (ensembled, "deep/both")):
        shutil.copytree(source, tmp_path / "all" / place)
    shutil.copytree(study.path, tmp_path / "all" / "study")
    return tmp_path / "all"


def by_name(folder):
    return {entry.name: entry for entry in entries_below(folder)}


def test_every_kind_is_listed_once_with_its_score(folder) -> None:
    found = by_name(folder)
    assert set(found) == {"one", "deep/folds", "deep/both", "study"}
    assert [found[name].kind for name in ("one", "deep/folds", "deep/both")] == [
        "run",
        "3 folds",
        "ensemble of 2",
    ]
    assert found["study"].kind.startswith("study of ")
    metrics = json.loads((folder / "one" / "metrics.json").read_text())
    one = found["one"]
    assert (one.score, one.low, one.high) == pytest.approx(
        tuple(metrics["interval"][name] for name in ("estimate", "low", "high"))
    )
    folds = json.loads((folder / "deep" / "folds" / "folds.json").read_text())
    assert found["deep/folds"].score == pytest.approx(folds["mean"]["estimate"])
    both = json.loads((folder / "deep" / "both" / "ensemble.json").read_text())
    assert found["deep/both"].score == pytest.approx(both["valid"]["pearson"]["mean"])
    assert math.isnan(found["deep/both"].low)
    assert found["one"].config["hidden"] == 6
    assert "seed" not in found["one"].config
    assert found["deep/both"].seconds > 0


def test_a_study_has_the_score_of_its_reference(folder) -> None:
    loaded = load_study(folder / "study")
    expected = next(
        each.estimate
        for row, each in zip(loaded.rows, score_rows(loaded).intervals, strict=True)
        if row.name == loaded.reference
    )
    found = by_name(folder)["study"]
    assert (found.row, found.metric, math.isnan(found.low)) == (loaded.reference, loaded.metric, True)
    assert found.score == pytest.approx(expected, abs=1e-6)
    assert f"({loaded.reference})" in entries_text([found])
    shutil.rmtree(folder / "study" / loaded.row(loaded.reference).runs[0])
    assert math.isnan(by_name(folder)["study"].score)


def test_a_run_itself_is_a_table_of_one(folder) -> None:
    [entry] = entries_below(folder / "one")
    assert entry.name == "one"


def test_what_is_unfinished_or_damaged_is_listed_as_such(folder) -> None:
    (folder / "one" / "metrics.json").unlink()
    (folder / "deep" / "folds" / "folds.json").write_text("[")
    (folder / "deep" / "both" / "ensemble.json").write_text(json.dumps({"runs": ["../../x"], "valid": None}))
    found = by_name(folder)
    assert [found[name].kind for name in ("one", "deep/folds", "deep/both")] == [
        "unfinished",
        "damaged",
        "damaged",
    ]
    assert "damaged" in entries_text(list(found.values()))


def test_it_is_sorted_as_asked(folder) -> None:
    scores = [entry.score for entry in entries_below(folder, "score")]
    known = [score for score in scores if not math.isnan(score)]
    assert known == sorted(known, reverse=True)
    assert all(math.isnan(score) for score in scores[len(known) :])
    seconds = [entry.seconds for entry in entries_below(folder, "seconds")]
    assert seconds == sorted(seconds)
    assert [entry.name for entry in entries_below(folder, "name")] == sorted(by_name(folder))
    with pytest.raises(ConfigError, match="--sort: found 'size', expected date, score"):
        entries_below(folder, "size")
    with pytest.raises(RunError, match="no such folder"):
        entries_below(folder / "none")


def test_names_are_text_and_links_are_not_followed(folder, kept, tmp_path) -> None:
    shutil.copytree(kept, folder / "a\x1b[31m\nred")
    (folder / "link").symlink_to(folder / "one")
    entries = entries_below(folder)
    text = entries_text(entries)
    assert "\x1b" not in text
    assert len(text.splitlines()) == len(entries) + 1 + 2 * ("\n\nall: " in text)
    assert not any(entry.name == "link" for entry in entries)
    assert entries_text(entries_below(tmp_path / "all" / "study" / "runs")).count("\n") > 1
    (tmp_path / "empty").mkdir()
    assert entries_text(entries_below(tmp_path / "empty")) == "no run or study"


def test_two_thousand_runs_take_seconds(kept, tmp_path) -> None:
    for number in range(2000):
        place = tmp_path / f"r{number}"
        place.mkdir()
        for name in ("config.json", "metrics.json", "environment.json"):
            (place / name).hardlink_to(kept / name)
    started = time.process_time()
    assert len(entries_text(entries_below(tmp_path)).splitlines()) == 2003
    assert time.process_time() - started < 6  # 2 s on a machine at rest


def test_the_command_prints_the_table_and_json(cli, folder) -> None:
    code, out, _ = cli("runs", folder, "--sort", "name")
    assert (code, [line.split("  ")[1] for line in out.splitlines()[1:3]]) == (0, ["deep/both", "deep/folds"])
    code, out, _ = cli("runs", folder, "--json")
    assert {entry["name"] for entry in json.loads(out)} == set(by_name(folder))
    code, _, err = cli("runs", folder / "none")
    assert (code, len(err.splitlines())) == (1, 1)
