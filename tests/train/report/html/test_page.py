"""The HTML page as a file: whole in itself, its policy lets its own program run, nobody's file is replaced."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from fnmatch import fnmatch
from importlib.resources import files

import pytest

from train.errors import ConfigError, RunError
from train.report.html.page import HERE, PAGE, PROGRAMS, SoundOptions, page_text, write_html
from train.report.html.payload import json_in_html

URL = re.compile(
    r"(?:https?:)?//[a-z]|@import|url\(|\bsrc=|\bsrcset|<link|<img|<iframe|\beval\(|innerHTML|\.html\("
)


def data_of(page):
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL
    )
    return json.loads(found.group(1))


def test_its_policy_knows_its_own_program_and_style_and_nothing_else():
    text = page_text(json_in_html({"a": "</script><script>alert(1)</script>{{program}}"}))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text).group(1)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(policy.replace(";", "").split())
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert text.count("<script") == 2
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert '<html lang="en">' in text


def test_nothing_in_it_asks_for_anything():
    text = page_text("{}").replace("http://www.w3.org/2000/svg", "")
    assert not URL.search(text), URL.search(text)


def test_all_its_files_are_in_a_wheel(root):
    there = {path.name for path in files(HERE).iterdir() if not path.name.startswith("_")}
    mine = {name for name in there if not name.endswith(".py")}
    assert {name for name in mine if name.endswith(".js")} == set(PROGRAMS)
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        HERE
    ]
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in mine)


@pytest.mark.parametrize("which", ["kept", "ensembled", "folded"])
def test_every_kind_of_folder_has_a_page(cli, which, request, tmp_path):
    folder = request.getfixturevalue(which)
    code, printed, err = cli("report", folder, "--html", "--out", tmp_path)
    assert (code, printed.strip(), err) == (0, str(tmp_path / PAGE), "")
    values = data_of(tmp_path / PAGE)
    assert values["title"] == folder.name
    assert [each.name for each in tmp_path.iterdir()] == [PAGE]


def test_a_study_and_folders_side_by_side(cli, study, folded, kept, tmp_path):
    assert cli("report", study.path, "--html", "--out", tmp_path / "study")[0] == 0
    values = data_of(tmp_path / "study" / PAGE)
    assert len(values["differences"]) == len(values["rows"]) == 12
    assert cli("report", folded, kept, "--html", "--out", tmp_path / "both")[0] == 0
    values = data_of(tmp_path / "both" / PAGE)
    assert [row["name"] for row in values["rows"]] == [folded.name, kept.name]
    assert "have no differences" in values["apart"]


def test_a_page_of_somebody_else_stays(cli, kept, tmp_path):
    (tmp_path / PAGE).write_text("years of work")
    code, _, err = cli("report", kept, "--html", "--out", tmp_path)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "is there already and belongs to no report" in err
    assert (tmp_path / PAGE).read_text() == "years of work"
    assert cli("report", kept, "--html", "--out", tmp_path, "--overwrite")[0] == 0
    assert cli("report", kept, "--html", "--out", tmp_path)[0] == 0


def test_sounds_are_linked_or_embedded_and_never_copied(cli, kept, corpus, tone, caplog, tmp_path):
    media = tmp_path / "media"
    for clip in list(corpus.truth)[60:89]:
        tone(media / f"{clip}.wav")
    assert cli("report", kept, "--html", "--out", tmp_path / "out", "--media", media)[0] == 0
    assert "1 clip of 30 without a media file, such as 00089" in caplog.text
    sounds = data_of(tmp_path / "out" / PAGE)["sources"][0]["sounds"]
    assert (sounds[0], sounds[-1]) == ("../media/00060.wav", None)
    embed = ["--media", media, "--embed-media"]
    assert cli("report", kept, "--html", "--out", tmp_path / "out", *embed)[0] == 0
    sounds = data_of(tmp_path / "out" / PAGE)["sources"][0]["sounds"]
    assert base64.b64decode(sounds[0].partition(",")[2]) == (media / "00060.wav").read_bytes()
    assert [each.name for each in (tmp_path / "out").iterdir()] == [PAGE]
    code, _, err = cli("report", kept, "--html", "--out", tmp_path / "x", *embed, "--embed-limit", 0.5)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "more than --embed-limit 0.5 MB" in err
    assert not (tmp_path / "x").exists()


def test_what_makes_no_sense_is_refused(cli, kept, folded, tmp_path):
    with pytest.raises(RunError, match="give it a folder with --out"):
        write_html([kept, folded])
    with pytest.raises(RunError, match="--embed-media: no folder"):
        write_html([kept], tmp_path, SoundOptions(embed_media=True))
    with pytest.raises(ConfigError, match="embed_limit: found -1"):
        write_html([kept], tmp_path, SoundOptions(embed_limit=-1.0))
    for wrong in (
        ["--media", tmp_path],
        ["--embed-media"],
        ["--embed-limit", 3],
        ["--by", "speaker"],
        [folded],
    ):
        code, _, err = cli("report", kept, *wrong)
        assert code == 2
        assert "add --html" in " ".join(re.sub(r"[│╭╰─╮╯]", " ", err).split())
