"""JSON of somebody else in every place where training reads some: a list, deep, huge numbers; always one line."""

from __future__ import annotations

import json
import shutil

import pytest

DEEP = "[" * 100_000
TEXTS = [
    "[]",
    "{}",
    "3",
    '"text"',
    "null",
    DEEP,
    '{"a": ' * 5000,
    "{",
    "\xff",
    '{"a": 1e999, "b": ' + "9" * 5000 + "}",
]


def refused(cli, *command):
    """Run a command that must end in one line."""
    code, out, err = cli(*command)
    assert (code, out) == (1, ""), (command, out, err)
    assert len(err.splitlines()) == 1, err
    assert err.startswith("error: ")
    return err


@pytest.fixture(scope="module")
def own(cli_run, corpus, as_older, tmp_path_factory):
    """A run of an older version: no checksum refuses what it holds before it is read."""
    out = tmp_path_factory.mktemp("own") / "run"
    cli_run(corpus, out)
    shutil.rmtree(out / "report", ignore_errors=True)
    return as_older(out)


@pytest.fixture
def folder(own, tmp_path):
    shutil.copytree(own, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("text", TEXTS)
def test_the_environment_of_a_run(cli, folder, text):
    (folder / "environment.json").write_text(text)
    refused(cli, "report", folder)
    refused(cli, "reproduce", folder)
    refused(cli, "bundle", folder, "--out", folder / "b.zip")


FIELDS = {
    "inputs": [[], 5, {"labels": 5}, {"cache": []}, None],
    "label_files": [[], 5, None, {"x": 5}],
    "threads_of_each_sitting": [{}, 5, ["a"], [[1]], [], None],
    "identity": [[], 5, None],
    "versions": [[], 5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in FIELDS.items() for value in values]
)
def test_a_field_of_the_environment(cli, folder, name, value):
    path = folder / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    for command in (["report", folder], ["reproduce", folder], ["bundle", folder, "--out", folder / "b.zip"]):
        code, _, err = cli(*command)
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert code in (0, 1, 3), err
        assert len(lines) == (code == 1), err


@pytest.mark.parametrize("text", [text for text in TEXTS if text != "{}"])  # an empty config is one
def test_the_config_file_of_a_fit(cli, corpus, tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    refused(
        cli,
        "fit",
        corpus.cache,
        "--labels",
        corpus.labels,
        "--config",
        tmp_path / "c.json",
        "--out",
        tmp_path / "x",
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text",
    ["a = " + DEEP, "lstm_layers = 10000000", "hidden = " + "9" * 30, "lr = " + "9" * 400, "epochs = 1e999"],
)
def test_the_grid_and_the_config_of_toml(cli, corpus, tmp_path, text):
    for name, option, command in (("c.toml", "--config", "fit"), ("g.toml", "--grid", "ablate")):
        path = tmp_path / name
        path.write_text(text if command == "fit" else f"[base]\n{text}\n[[rows]]\nname = 'a'\n")
        refused(cli, command, corpus.cache, "--labels", corpus.labels, option, path, "--out", tmp_path / "x")


@pytest.mark.parametrize("option", [["--lstm-layers", 10**7], ["--hidden", 10**12]])
def test_a_head_that_no_machine_holds(cli, corpus, tmp_path, option):
    assert "expected 1 to 1" in refused(
        cli, "fit", corpus.cache, "--labels", corpus.labels, *option, "--out", tmp_path / "x"
    )


NO_CHECKS = [text for text in TEXTS if text != "[]"]  # an audit without checks is one


@pytest.mark.parametrize(
    "text", [*NO_CHECKS, '[{"name": 1, "outcome": 2, "detail": 3}]', "[[]]", '[{"x": 1}]']
)
def test_the_audit_of_a_run(cli, folder, text):
    (folder / "audit.json").write_text(text)
    refused(cli, "report", folder)


@pytest.mark.parametrize("text", TEXTS)
def test_the_results_of_a_study(cli, corpus, study, as_older, tmp_path, text):
    out = tmp_path / "study"
    out.mkdir()
    shutil.copy(study.path / "truth.csv", out)
    (out / "results.json").write_text(text)
    refused(cli, "report", out)


ROWS = {
    "absolute": {"runs": ["/etc"]},
    "outside": {"runs": ["../../elsewhere"]},
    "no runs": {"runs": []},
    "runs of lists": {"runs": [[]]},
    "config": {"config": []},
    "seconds": {"seconds": "many"},
    "more": {"more": 1},
}


@pytest.mark.parametrize("change", ROWS.values(), ids=ROWS)
def test_a_row_of_a_study(cli, study, as_older, tmp_path, change):
    out = tmp_path / "study"
    out.mkdir()
    for name in ("truth.csv", "results.json"):
        shutil.copy(study.path / name, out)
    values = json.loads((as_older(out) / "results.json").read_text())
    values["rows"][0].update(change)
    (out / "results.json").write_text(json.dumps(values))
    assert f"{out / 'results.json'}: not a study that this version knows" in refused(cli, "report", out)


@pytest.mark.parametrize(
    ("name", "value"), [("metric", "huber"), ("names", 5), ("reference", "none"), ("rows", [[]])]
)
def test_a_field_of_a_study(cli, study, as_older, tmp_path, name, value):
    out = tmp_path / "study"
    out.mkdir()
    for each in ("truth.csv", "results.json"):
        shutil.copy(study.path / each, out)
    values = {**json.loads((as_older(out) / "results.json").read_text()), name: value}
    (out / "results.json").write_text(json.dumps(values))
    refused(cli, "report", out)


@pytest.mark.parametrize("text", ["clip_id\n1\n", "", "\x00"])
def test_the_clips_of_a_run(cli, folder, corpus, text):
    (folder / "clips.csv").write_text(text)
    code, _, err = cli("evaluate", folder, corpus.cache, "--labels", corpus.labels, "--permutations", 0)
    assert "Traceback" not in err
    assert code in (0, 1)
    assert sum(line.startswith("error: ") for line in err.splitlines()) == (code == 1)
