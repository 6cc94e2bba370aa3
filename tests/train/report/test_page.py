"""The report of a run and of an ablation: every section, every picture, baselines below the rows."""

from __future__ import annotations

import json
import re

import pytest

SECTIONS = ["Scores", "All metrics", "Predictions", "Learning curves", "Chance", "Audit", "Reproduce"]


@pytest.fixture(scope="module")
def files(corpus):
    return ["--labels", corpus.labels]


def check(page):
    text = page.read_text(encoding="utf-8")
    for section in SECTIONS:
        assert f"## {section}" in text
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert pictures
    assert all((page.parent / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    return text, pictures


def test_a_run(cli, corpus, files, tmp_path):
    out = tmp_path / "run"
    fit = ["fit", corpus.cache, *files, "--out", out, "--hidden", 3, "--epochs", 2, "--threads", 1]
    assert cli(*fit)[0] == 0
    code, printed, _ = cli("report", out)
    assert (code, printed.strip()) == (0, str(out / "report" / "report.md"))
    text, pictures = check(out / "report" / "report.md")
    assert pictures == ["scatter.png", "learning_curves.png"]
    metrics = json.loads((out / "metrics.json").read_text())
    assert f"{metrics['valid']['pearson']['mean']:.3f} [".replace("-", "−") in text
    assert "| passed | speakers, train and valid | none of 10 and 5 in both |" in text
    assert f"emi-train reproduce {out}" in text
    assert "only 5 speakers" in text
    assert "Student's t interval" in text
    assert "Δ" not in text, "there is no row to compare with"


def test_an_ablation_with_the_baselines_below(cli, corpus, files, tmp_path):
    grid = tmp_path / "grid.toml"
    rows = '[[rows]]\nname = "head"\n[[rows]]\nname = "one layer"\nfusion_head = false\n'
    grid.write_text(f"[base]\nlstm = false\nepochs = 2\n{rows}")
    out = tmp_path / "ablation"
    code, printed, err = cli(
        "ablate", corpus.cache, *files, "--grid", grid, "--seeds", 2, "--workers", 1, "--out", out
    )
    assert code == 0
    assert "speakers, train and valid" in err
    for row in ("head", "one layer", "baseline: constant", "baseline: global mean, ridge"):
        assert row in printed
    assert "p after Holm, intervals uncorrected" in printed
    assert cli("report", out, "--out", tmp_path / "page")[0] == 0
    text, pictures = check(tmp_path / "page" / "report.md")
    assert pictures[:2] == ["chart.png", "differences.png"]
    assert "9 rows, 11 fits" in text
    assert "| baseline: constant | undefined |" in text
    assert f"emi-train baseline {corpus.cache}" in text
    assert "not corrected for their number" in text


def test_a_folder_that_is_neither(cli, tmp_path):
    code, _, err = cli("report", tmp_path)
    assert (code, len(err.splitlines())) == (1, 1)


def test_strict_stops_before_the_first_fit(cli, corpus, table, tmp_path):
    rows = [[clip, *values, "everybody"] for clip, values in corpus.truth.items()]
    parts = [
        table(tmp_path / f"{i}.csv", ["id", "a", "b", "c", "speaker"], rows[i * 30 : i * 30 + 30])
        for i in (0, 1)
    ]
    args = [corpus.cache, "--train", parts[0], "--valid", parts[1], "--strict", "--out", tmp_path / "out"]
    for command in ("fit", "ablate", "baseline"):
        code, _, err = cli(command, *args)
        assert code == 1
        assert "speakers, train and valid: 1 in both (everybody)" in err
        assert not (tmp_path / "out").exists()


def test_an_ensemble_has_its_own_score_beside_those_of_its_heads(cli, ensembled, tmp_path):
    assert cli("report", ensembled, "--out", tmp_path)[0] == 0
    text, pictures = check(tmp_path / "report.md")
    own = json.loads((ensembled / "ensemble.json").read_text())["valid"]["pearson"]["mean"]
    assert f"| mean prediction of all heads | {own:.3f} [" in text
    for seed in (0, 1):
        alone = json.loads((ensembled / f"seed-{seed}" / "metrics.json").read_text())
        assert f"| seed-{seed} | {alone['valid']['pearson']['mean']:.3f} [" in text
    assert "ensemble of 2 heads" in text
    assert "one ensemble, so without the variation between ensembles" in text
    assert f"as it is, it is {own:.3f}" in text
    assert "Of the first head: trained on" in text
    assert pictures == ["scatter.png", "learning_curves.png"]
    assert "none of 10 and 5 in both" in text


def test_a_page_of_somebody_else_stays(cli, kept, tmp_path):
    for name in ("report.md", "scatter.png"):
        out = tmp_path / name.partition(".")[0]
        out.mkdir()
        (out / name).write_text("years of work")
        code, _, err = cli("report", kept, "--out", out)
        assert (code, len(err.splitlines())) == (1, 1)
        assert f"{out / name}: is there already and belongs to no report" in err
        assert [path.read_text() for path in out.iterdir()] == ["years of work"]
    assert cli("report", kept, "--out", out, "--overwrite")[0] == 0
    assert cli("report", kept, "--out", out)[0] == 0


def test_names_of_targets_and_rows_are_text_wherever_they_are_shown(cli, corpus, table, tmp_path):
    names = ["<img src=x onerror=alert(1)>", r"$\foo$ _x_", "![p](http://example.org/p.png)"]
    for split, part in (("train", list(corpus.truth)[:60]), ("valid", list(corpus.truth)[60:90])):
        table(
            tmp_path / f"{split}_split.csv",
            ["Filename", *names],
            [[clip, *corpus.truth[clip]] for clip in part],
        )
    grid, row = tmp_path / "grid.toml", r"# [row](http://example.org) \u001b[31m\n``` $\\bar$"
    base = f'[base]\nlstm = false\nepochs = 1\nhidden = 3\n[[rows]]\nname = "{row}"\n'
    grid.write_text(f'{base}[[rows]]\nname = "plain"\nfusion_head = false\n')
    out = tmp_path / "ablation"
    options = ["--grid", grid, "--seeds", 1, "--workers", 1, "--no-baselines", "--out", out]
    code, printed, err = cli("ablate", corpus.cache, "--labels", tmp_path, *options)
    assert code == 0, err
    assert cli("report", out, "--out", tmp_path / "page")[0] == 0
    assert cli("report", out, "--html", "--out", tmp_path / "page")[0] == 0
    html = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    for name in names:
        assert not name.startswith("<") or name not in html
    assert "\x1b" not in html
    text = (tmp_path / "page" / "report.md").read_text(encoding="utf-8")
    for picture in ("chart.png", "scatter.png", "learning_curves.png"):
        assert f"]({picture})" in text
        assert (tmp_path / "page" / picture).read_bytes().startswith(b"\x89PNG")
        text = text.replace(f"]({picture})", "")
    for written in (text, printed, (out / "table.txt").read_text(), (out / "table.tex").read_text()):
        assert "\x1b" not in written
        assert "\n```" not in written.replace("```sh\n", "").replace("\n```\n", "", 1)
    for markup in ("<img", "](http", "\n# [row"):
        assert markup not in text.replace("\\](", "").replace("\\<img", "").split("```sh")[0]
    assert r"\<img src=x onerror=alert(1)>" in text
    assert "\n\\# [row\\](http://example.org)" in text
    assert "# # [row](http://example.org)" in text.split("```sh")[1]  # a comment of the shell
    assert r"\textbackslash{}bar" in (out / "table.tex").read_text()


@pytest.fixture
def gaps(corpus, table, tmp_path):
    """All labels in one table, a third of them missing in one of three ways; a target that valid lacks wholly."""
    rows = []
    for at, (clip, values) in enumerate(list(corpus.truth.items())[:90]):
        cells = [("", "NA", "?")[at % 3] if (at + k) % 3 == 0 else value for k, value in enumerate(values)]
        split = "train" if at < 60 else "valid"
        rows.append([clip, *cells[:2], cells[2] if split == "train" else "", corpus.speakers[clip], split])
    return table(tmp_path / "gaps.csv", ["clip_id", "Joy", "Awe", "Fear", "speaker", "split"], rows)


def test_missing_labels_go_through_every_command(cli, corpus, gaps, tmp_path):
    fit = ["fit", corpus.cache, "--labels", gaps, "--hidden", 3, "--epochs", 2, "--threads", 1]
    code, text, err = cli(*fit, "--out", tmp_path / "run")
    assert code == 0, err
    lacking = "no label of Fear among these clips, so no score; means are over the other 2 of 3 targets"
    assert lacking in text
    assert "labels, train" in err
    assert "Joy: 20 of 60 missing" in err
    assert "floor: " in text
    assert "undefined:" not in text
    code, text, err = cli("evaluate", tmp_path / "run", corpus.cache, "--labels", gaps, "--permutations", 5)
    assert code == 0, err
    assert lacking in text
    assert cli("report", tmp_path / "run")[0] == 0
    page, _ = check(tmp_path / "run" / "report" / "report.md")
    assert "Fear: 30 of 30 missing" in page
    assert cli("report", tmp_path / "run", "--html")[0] == 0
    assert cli("reproduce", tmp_path / "run")[0] == 0
    folds = [*fit, "--folds", 2, "--group", "speaker", "--no-floor", "--out", tmp_path / "folds"]
    code, text, err = cli(*folds)
    assert code == 0, err
    assert re.search(r"\n[^,\n]*,[^,\n]*,,", (tmp_path / "folds" / "fold-1.train.csv").read_text())
    assert cli(*folds)[0] == 0  # the tables of the folds read back to the same labels
    grid = tmp_path / "grid.toml"
    grid.write_text("[base]\nlstm = false\nepochs = 2\n[grid]\nlr = [0.001, 0.01]\n")
    ablate = ["ablate", corpus.cache, "--labels", gaps, "--grid", grid, "--seeds", 1, "--workers", 1]
    code, _, err = cli(*ablate, "--out", tmp_path / "study")
    assert code == 0, err
    assert cli("report", tmp_path / "study")[0] == 0
    both = [
        "report",
        tmp_path / "study",
        tmp_path / "run",
        tmp_path / "folds",
        "--html",
        "--out",
        tmp_path / "html",
    ]
    assert cli(*both)[0] == 0


@pytest.fixture
def moods(corpus, table, tmp_path):
    """All labels in one table, with the strongest emotion as text; one clip has none."""
    names = ("admiring", "amused", "hurt")
    rows = [
        [
            clip,
            "" if at == 7 else names[int(values.argmax())],
            corpus.speakers[clip],
            ("train", "valid")[at // 60],
        ]
        for at, (clip, values) in enumerate(list(corpus.truth.items())[:90])
    ]
    return table(tmp_path / "moods.csv", ["clip_id", "mood", "speaker", "split"], rows)


def test_classes_go_through_every_command(cli, corpus, moods, tmp_path):
    run = tmp_path / "run"
    fit = ["fit", corpus.cache, "--labels", moods, "--targets", "mood", "--epochs", 3, "--threads", 1]
    fit += ["--hidden", 6, "--lr", 0.02, "--no-floor", "--loss", "cross-entropy", "--metric", "uar"]
    code, text, err = cli(*fit, "--out", run)
    assert code == 0, err
    assert re.search(r"\nmood=amused +\d", text)
    assert "mean uar 0." in text
    assert "1 clip of the table without any label, left out" in err
    rows = [line.split(",")[1:] for line in (run / "predictions.csv").read_text().splitlines()[1:]]
    assert all(sum(map(float, row)) == pytest.approx(1, abs=1e-5) for row in rows)
    assert (run / "confusion.png").exists()
    assert cli("report", run)[0] == 0
    page, pictures = check(run / "report" / "report.md")
    assert pictures == ["scatter.png", "confusion.png", "learning_curves.png"]
    assert "| UAR | macro F1 |" in page
    assert cli("report", run, "--html")[0] == 0
    assert '"sign":"UAR"' in (run / "report" / "report.html").read_text(encoding="utf-8")
    code, text, err = cli("evaluate", run, corpus.cache, "--labels", moods, "--permutations", 5)
    assert code == 0, err
    assert "mean uar 0." in text
    moods.write_text(moods.read_text().replace("amused", "bored"))
    code, _, err = cli("evaluate", run, corpus.cache, "--labels", moods)
    assert (code, err.count("\n")) == (1, 1)
    assert "clips have a mood that the head does not know" in err


def test_losses_and_metrics_of_classes_are_refused_for_numbers(cli, corpus, files, tmp_path):
    for option in (["--loss", "cross-entropy"], ["--metric", "uar"]):
        code, _, err = cli("fit", corpus.cache, *files, *option, "--out", tmp_path / "run")
        assert (code, err.count("\n")) == (1, 1)
        assert f"{option[0][2:]} {option[1]} needs classes" in err
    assert not (tmp_path / "run").exists()
