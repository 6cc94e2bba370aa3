"""The HTML page in a real browser, opened from disk: sorted, filtered, walked through by keyboard, heard."""

from __future__ import annotations

import dataclasses
import re
import time

import numpy as np
import pytest

from train.report.html.page import page_text, write_html
from train.report.html.payload import json_in_html, payload
from train.report.html.sounds import find_sounds, linked
from train.scores.classes import confusion

LONG = "x" * 10_000
HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "javascript:document.title='owned'",
    "</script><script>document.title='owned'</script>",
    "\u202egnp.exe",
    "a\nb",
    "'\"`${document.title='owned'}",
    "&lt;b&gt;",
    LONG,
]


@pytest.fixture
def opened(browser):
    """Open a page, and see to it that it asked for nothing but itself and sounds, and complained of nothing."""
    allowed = []

    def open_page(page, *sounds):
        allowed.extend(path.as_uri() for path in (page, *sounds))
        browser.open(page)
        assert browser.run("return document.documentElement.dataset.drawn"), browser.complaints
        return browser

    browser.media()
    yield open_page
    assert browser.complaints == []
    asked = [url for url in browser.requests if not url.startswith(("data:", "chrome:"))]
    assert set(asked) <= set(allowed)


@pytest.fixture
def page(source_of, tone, tmp_path):
    """Forty clips of two folds and three rows; the first ten have a sound, in a folder whose name needs quoting."""
    source = source_of(3)
    parts = ("fold-1",) * 20 + ("fold-2",) * 20
    source = dataclasses.replace(source, clips=dataclasses.replace(source.clips, parts=parts))
    media = tmp_path / "my media #1? 100%"
    for clip in source.clips.ids[:10]:
        tone(media / f"{clip}.wav")
    out = tmp_path / "pages"
    out.mkdir()
    sounds = linked(find_sounds(source.clips.ids, [media]), out)
    (out / "report.html").write_text(page_text(json_in_html(payload([source], sounds))), encoding="utf-8")
    return out / "report.html", media, source


def column(browser, table, number):
    script = (
        f"return [...document.querySelectorAll('{table} tbody tr')].map(r => r.cells[{number}].textContent)"
    )
    return browser.run(script)


def numbers(texts):
    return [float(re.match(r"-?[\d.]+", text.replace("−", "-")).group()) for text in texts]


# Where on the first picture a point is: the place whose colour is the nearest to that of points, and how near.
NEAREST = """const canvas = document.querySelector('canvas');
const pen = canvas.getContext('2d'), ratio = canvas.width / canvas.clientWidth;
const point = getComputedStyle(document.documentElement).getPropertyValue('--point').trim();
const [r, g, b] = point.match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16));
const {data, width} = pen.getImageData(0, 0, canvas.width, canvas.height);
let best = null, gap = 1e9;
for (let at = 0; at < data.length; at += 4) {
  if (data[at + 3] < 140 || data[at + 3] > 170) continue;
  const far = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b);
  if (far < gap) [best, gap] = [at / 4, far];
}
return [(best % width) / ratio, Math.floor(best / width) / ratio, gap];"""
SCORES = "table[aria-label=Scores]"


def test_a_click_sorts_the_scores_and_the_keyboard_turns_them_round(opened, page):
    browser = opened(page[0])
    browser.click(f"{SCORES} th:nth-child(2) button")
    assert numbers(column(browser, SCORES, 1)) == sorted(numbers(column(browser, SCORES, 1)))
    assert browser.run(f"return document.querySelector('{SCORES} th:nth-child(2)').ariaSort") == "ascending"
    browser.press("Enter")  # the focus is on the button still
    assert numbers(column(browser, SCORES, 1)) == sorted(numbers(column(browser, SCORES, 1)), reverse=True)
    assert "descending" in browser.run("return document.getElementById('status').textContent")


def test_differences_are_from_the_row_that_is_chosen(opened, page):
    browser = opened(page[0])
    assert column(browser, SCORES, 4)[0] == "reference"
    before = numbers(column(browser, SCORES, 4)[2:])
    browser.type("#reference select", "row 2")
    after = column(browser, SCORES, 4)
    assert after[2] == "reference"
    assert numbers(after[:1])[0] if after[0][0] != "+" else float(after[0][1:6]) == pytest.approx(-before[0])
    assert "row minus “row 2”" in browser.run("return document.querySelector('section').textContent")


def test_a_point_is_told_when_pointed_at_and_plays_when_clicked(opened, page):
    path, media, source = page
    clip = 4
    browser = opened(path, *(media / f"{each}.wav" for each in source.clips.ids[:10]))
    browser.type("input[type=search]", source.clips.ids[clip])
    place = browser.run(NEAREST)[:2]
    browser.point("canvas", *place)
    detail = browser.run("return document.querySelector('.detail').textContent")
    for text in (source.clips.ids[clip], "fold-1", source.clips.speakers[clip], "2.00 s"):
        assert text in detail
    truth = source.clips.truth[clip]
    assert all(f"{value:.3f}" in detail for value in truth)
    assert not browser.run("return document.querySelector('audio')"), "hovering plays nothing"
    browser.point("canvas", *place, click=True)
    assert browser.until("const a = document.querySelector('audio'); return a && a.currentTime > 0.05")
    assert (
        browser.run("return document.querySelector('audio').src")
        == (media / f"{source.clips.ids[clip]}.wav").as_uri()
    )
    browser.point("canvas", 1, 1)
    assert source.clips.ids[clip] in browser.run("return document.querySelector('.detail h3').textContent")


def test_the_keyboard_alone_gets_from_clip_to_clip_and_plays_it(opened, page):
    path, media, source = page
    browser = opened(path, *(media / f"{each}.wav" for each in source.clips.ids[:10]))
    browser.type("input[type=search]", "s1")  # the speaker of the clips 5 to 9
    browser.press("Tab")
    assert browser.run("return document.activeElement.tagName") == "CANVAS"
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    order = np.argsort(source.clips.truth[5:10, 0]) + 5
    heard = []
    for _ in order:
        heard.append(browser.run("return document.querySelector('.detail h3').textContent"))
        browser.press("Right")
    assert heard == [source.clips.ids[clip] for clip in order]
    assert heard[-1] in browser.run("return document.getElementById('status').textContent")
    browser.press("Enter")
    assert browser.until("const a = document.querySelector('audio'); return a && a.currentTime > 0.05")
    assert f"{heard[-1]}.wav" in browser.run("return document.querySelector('audio').src")


def test_the_worst_errors_come_first_and_obey_the_filters(opened, page):
    path, media, source = page
    browser = opened(path, *(media / f"{each}.wav" for each in source.clips.ids[:10]))
    errors = source.rows[0].folds[0].predictions.mean(0) - source.clips.truth
    errors /= source.clips.truth.std(0)
    worst = np.argsort(-np.abs(errors).max(1))
    assert column(browser, ".worst", 0) == [source.clips.ids[clip] for clip in worst[:25]]
    assert numbers(column(browser, ".worst", 6)) == pytest.approx(
        [errors[clip][np.abs(errors[clip]).argmax()] for clip in worst[:25]], abs=0.006
    )
    browser.click(".worst + p button")
    assert len(column(browser, ".worst", 0)) == 40
    choices = "section:nth-of-type(2) .controls label:nth-of-type({}) select"
    browser.type(choices.format(2), "fold-2")
    browser.type(choices.format(3), "b")
    assert set(column(browser, ".worst", 1)) == {"fold-2"}
    assert set(column(browser, ".worst", 3)) == {"b"}
    first = int(np.abs(errors[20:, 1]).argmax()) + 20
    assert column(browser, ".worst", 0)[0] == source.clips.ids[first]
    assert len(browser.run("return [...document.querySelectorAll('canvas')].map(c => c.ariaLabel)")) == 1
    browser.click(".worst tbody tr .link")
    box = browser.run(
        "const b = document.querySelector('.detail').getBoundingClientRect(); return [b.top, b.bottom]"
    )
    assert 0 <= box[0] < box[1] <= browser.run("return innerHeight"), "what is told of the clip is in sight"
    assert "No sound of this clip" in browser.run("return document.querySelector('.sound').textContent")
    browser.type("input[type=search]", "nobody")
    assert "No clip" in browser.run("return document.querySelector('.worst').textContent")


def test_other_rows_are_shown_when_they_are_chosen(opened, page):
    browser = opened(page[0])
    before = column(browser, ".worst", 6)
    browser.type("section:nth-of-type(2) .controls label:nth-of-type(1) select", "row 2")
    after = column(browser, ".worst", 6)
    assert abs(numbers(after)[0]) > abs(numbers(before)[0])


def test_names_of_others_are_text(opened, source_of, tmp_path):
    ids = [f"{text}{n}" for n, text in enumerate(HOSTILE * 2)]
    source = source_of(2, ids, HOSTILE[:6], path=tmp_path / "<b>folder", caption=HOSTILE[0])
    people = tuple((HOSTILE * 2)[: len(ids)])
    clips = dataclasses.replace(source.clips, speakers=people, groups=people, parts=people)
    rows = tuple(dataclasses.replace(row, name=HOSTILE[n]) for n, row in enumerate(source.rows))
    source = dataclasses.replace(source, clips=clips, rows=rows, reference=HOSTILE[0])
    sounds = dict(
        zip(
            ids,
            ["javascript:alert(1)", "https://example.org/a.wav", "//x/y", "data:text/html,a"],
            strict=False,
        )
    )
    page = tmp_path / "report.html"
    page.write_text(page_text(json_in_html(payload([source], sounds))), encoding="utf-8")
    browser = opened(page)
    assert browser.run("return document.title") == "<b>folder"
    tags = "return document.querySelectorAll('main img, main script, main b, main a, main iframe').length"
    assert browser.run(tags) == 0
    text = browser.run("return document.body.textContent")
    for name in HOSTILE[:4]:
        assert name in text
    assert "\u202e" not in text
    for n in range(4):
        browser.run(f"document.querySelectorAll('.worst tr[data-clip=\"{n}\"] .link')[0].click()")
        assert not browser.run("return document.querySelector('audio')"), sounds[ids[n]]
    assert browser.run("return document.title") == "<b>folder"
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert (
        browser.run(
            "return Math.max(...[...document.querySelectorAll('.worst bdi')].map(e => e.textContent.length))"
        )
        < 200
    )


def test_5000_clips_are_drawn_and_filtered_without_a_wait(opened, source_of, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(page_text(json_in_html(payload([source_of(2, 5000, "abcdef")], {}))), encoding="utf-8")
    browser = opened(page)
    assert int(browser.run("return document.documentElement.dataset.drawn")) < 2000
    waited = browser.run(
        """const start = performance.now(), box = document.querySelector('input[type=search]');
        box.value = 's12'; box.dispatchEvent(new Event('input')); return performance.now() - start"""
    )
    assert waited < 500


@pytest.mark.parametrize(
    ("looks", "back"),
    [
        ({}, "rgb(255, 255, 255)"),
        ({"scheme": "dark"}, "rgb(20, 23, 28)"),
        ({"scheme": "dark", "media": "print"}, "rgb(255, 255, 255)"),
    ],
)
def test_colours_follow_the_reader_and_paper_is_white(opened, page, looks, back):
    browser = opened(page[0])
    browser.media(**looks)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == back
    time.sleep(0.5)  # points are drawn again a moment after; looking often would be told of on the console
    assert browser.run(NEAREST)[2] < 12, "points are in the colour of the style"
    controls = browser.run("return getComputedStyle(document.querySelector('.controls')).display")
    assert (controls == "none") == (looks.get("media") == "print")


@pytest.mark.parametrize("which", ["kept", "ensembled", "folded", "study"])
def test_real_folders_are_drawn(opened, which, request, tmp_path):
    folder = request.getfixturevalue(which)
    page = write_html([getattr(folder, "path", folder)], tmp_path)
    browser = opened(page)
    titles = browser.run("return [...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert {"Scores", "Predictions", "Learning curves", "Audit", "Coverage", "Settings", "Reproduce"} <= set(
        titles
    )
    assert browser.run("return document.querySelectorAll('.curve path').length") > 0
    assert browser.run(
        "return [...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))"
    )


def test_folders_side_by_side_change_their_clips_with_the_row(opened, folded, kept, tmp_path):
    browser = opened(write_html([folded, kept], tmp_path))
    assert "90 of 90 clips" in browser.run("return document.body.textContent")
    browser.type("section:nth-of-type(2) .controls label:nth-of-type(1) select", kept.name)
    assert "30 of 30 clips" in browser.run("return document.body.textContent")


def test_classes_are_counted_and_a_cell_leaves_its_clips(opened, source_of, tmp_path):
    """By mouse and keyboard; the counts are those of the statistics, and of the split that is chosen."""
    source = source_of(2, 60, ("mood=<b>calm", "mood=glad", "mood=sad"))
    labels = np.eye(3)[np.arange(60) % 3]
    noise = np.random.default_rng(3).uniform(0, 1.2, (1, 60, 3))
    rows = tuple(
        dataclasses.replace(row, folds=(row.folds[0]._replace(truth=labels, predictions=labels + k * noise),))
        for k, row in enumerate(source.rows, 1)
    )
    parts = ("fold-1",) * 30 + ("fold-2",) * 30
    clips = dataclasses.replace(source.clips, truth=labels, parts=parts)
    page = tmp_path / "report.html"
    shown = payload([dataclasses.replace(source, rows=rows, clips=clips)], {})
    assert shown["sources"][0]["classes"] == ["<b>calm", "glad", "sad"]
    page.write_text(page_text(json_in_html(shown)), encoding="utf-8")
    browser = opened(page)
    rows_of = "[...document.querySelectorAll('.confusion tbody tr')]"
    cells = f"return {rows_of}.map(r => [...r.cells].slice(1, -1).map(c => +c.textContent))"
    counts = confusion(labels, (labels + noise)[0])
    assert browser.run(cells) == counts.tolist()
    assert "<b>calm" in browser.run("return document.querySelector('.confusion').textContent")
    label, taken = np.argwhere((counts > 0) & ~np.eye(3, dtype=bool))[0]
    browser.click(f"[data-cell='{label},{taken}']")
    assert len(column(browser, ".worst", 0)) == counts[label, taken]
    assert browser.run(cells) == counts.tolist(), "the table itself stays"
    assert browser.run("return document.activeElement.dataset.cell") == f"{label},{taken}"
    browser.press("Enter")
    assert "60 of 60 clips" in browser.run("return document.body.textContent")
    browser.type("section:nth-of-type(2) .controls label:nth-of-type(2) select", "fold-2")
    assert browser.run(cells) == confusion(labels[30:], (labels + noise)[0, 30:]).tolist()
