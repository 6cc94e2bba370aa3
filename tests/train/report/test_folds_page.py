"""The page of a cross-validation: its numbers are those of the statistics, and nothing is left out."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest

from train.audit.checks import Audit
from train.report.folds_page import folds_commands
from train.report.read_folds import read_folds
from train.scores.folds import FoldScores


@pytest.fixture(scope="module")
def page(folded, tmp_path_factory):
    from train.report.page import write_report

    return write_report(folded, tmp_path_factory.mktemp("page")).read_text(encoding="utf-8")


def section(text, name):
    return text.split(f"\n## {name}\n")[1].split("\n## ")[0]


def cells(text):
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_scores_are_those_of_the_folds(page, folded):
    found = read_folds(folded)
    stored = json.loads((folded / "folds.json").read_text())
    scored = FoldScores.of(found.scored, "pearson")
    whole = scored.interval()
    assert whole.estimate == pytest.approx(stored["mean"]["estimate"], abs=1e-6)
    assert f"**{whole.estimate:.3f} [{whole.low:.3f}, {whole.high:.3f}]**" in section(page, "Scores")
    assert "Divided by speaker" in section(page, "Scores")
    assert "share training clips" in section(page, "Scores")
    header, _, *rows = cells(section(page, "Folds"))
    assert [row[0] for row in rows] == ["fold-1", "fold-2", "fold-3"]
    for row, run, each in zip(rows, stored["runs"], scored.estimate, strict=True):
        cell = dict(zip(header, row, strict=True))
        assert (cell["clips"], cell["speakers"]) == ("30", "5")
        assert cell["ρ"] == f"{run['score']:.3f}"
        assert cell["Amusement"] == f"{each[1]:.3f}"
        assert cell["epoch kept"] in ("1", "2")
    _, _, *rows = cells(section(page, "ρ per emotion"))
    assert [row[0] for row in rows] == list(found.names)
    assert rows[0][1].startswith(f"{stored['per_target'][found.names[0]]['estimate']:.3f} [")
    _, _, first, *_ = cells(section(page, "All metrics"))
    assert first[1] == f"{whole.estimate:.3f} [{whole.low:.3f}, {whole.high:.3f}]"
    assert first[4].startswith(f"{stored['scores']['mae']['mean']:.3f} [")


def test_chance_audit_settings_and_pictures(page):
    chance = section(page, "Chance")
    assert "to the wrong speakers of that fold (1000 permutations)" in chance
    assert "warning" not in chance, "three folds of five speakers have many orders"
    assert [row[0] for row in cells(chance)[2:]] == ["fold-1", "fold-2", "fold-3"]
    assert "| passed | speakers, train and valid | all | none of 10 and 5 in both |" in section(page, "Audit")
    assert "lr 0.005" in section(page, "Settings")
    assert "hidden 6" in section(page, "Settings")
    assert "layer 2" in section(page, "Settings"), "the last one cached, by its number"
    assert re.findall(r"\]\((.*?\.png)\)", page) == ["pooled.png", "learning_curves.png"]


def test_what_differs_between_folds_is_said(cli, folded, tmp_path, as_older):
    moved = as_older(shutil.copytree(folded, tmp_path / "moved"))
    checks = Audit.load(moved / "fold-2").checks
    failed = [check.__class__(check.name, "failed", "s03 in both") for check in checks[:1]]
    Audit((*failed, *checks[1:])).save(moved / "fold-2")
    environment = json.loads((moved / "fold-3" / "environment.json").read_text())
    (moved / "fold-3" / "environment.json").write_text(json.dumps({**environment, "device": "cuda:7"}))
    assert cli("report", moved)[0] == 0
    text = (moved / "report" / "report.md").read_text(encoding="utf-8")
    assert f"| failed | {checks[0].name} | fold-2 | s03 in both |" in text
    assert f"| passed | {checks[0].name} | fold-1, fold-3 |" in text
    assert "Other in fold-3: device." in text


def test_its_tables_may_be_moved_but_not_changed(cli, folded, tmp_path):
    moved = shutil.copytree(folded, tmp_path / "moved")
    assert cli("report", moved)[0] == 0
    table = moved / "fold-2.valid.csv"
    table.write_text(table.read_text().replace("0.", "0.9", 1))
    code, _, err = cli("report", moved)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "fold-2.valid.csv: does not hold the bytes" in err


def test_the_commands_make_it_again(cli, folded, corpus, tmp_path, monkeypatch):
    lines = folds_commands(read_folds(folded)).splitlines()
    assert lines[1] == f"emi-train reproduce {folded}"
    fits = [shlex.split(line) for line in lines if line.startswith("emi-train fit")]
    assert len(fits) == 4, "of all folds, and of each"
    monkeypatch.chdir(tmp_path)
    for number, words in ((0, fits[0]), (2, fits[2])):
        code, _, err = cli(*words[1:], "--no-floor")
        assert code == 0, err
        again = tmp_path / words[-1]
        ours, theirs = (again / "fold-2", folded / "fold-2") if number == 0 else (again, folded / "fold-2")
        for name in ("config.json", "head.safetensors", "predictions.csv"):
            assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name


def test_a_folder_of_an_older_version_has_commands_for_its_folds(folded, tmp_path, as_older):
    old = as_older(shutil.copytree(folded, tmp_path / "old"))
    values = json.loads((old / "folds.json").read_text())
    del values["inputs"]
    (old / "folds.json").write_text(json.dumps(values))
    lines = folds_commands(read_folds(old)).splitlines()
    assert sum("emi-train fit" in line for line in lines) == 3
    assert all(str(old / "fold-") in line for line in lines if "emi-train fit" in line)
