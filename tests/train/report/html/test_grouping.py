"""Groups of a page's clips are those of evaluate, whichever folder they are shown of."""

from __future__ import annotations

import dataclasses

import pytest

from cache.common.errors import TableError
from train.errors import LabelError, RunError
from train.report.html.grouping import grouped
from train.report.html.source import read_source


@pytest.mark.parametrize("which", ["kept", "ensembled", "folded"])
def test_speakers_are_groups_everywhere(which, request, corpus):
    source = grouped(read_source(request.getfixturevalue(which)), "speaker")
    assert list(source.clips.groups) == [corpus.speakers[clip] for clip in source.clips.ids]


@pytest.mark.parametrize("which", ["kept", "folded"])
def test_durations_are_quarters(which, request):
    source = grouped(read_source(request.getfixturevalue(which)), "duration")
    names = sorted(set(source.clips.groups))
    assert [name[:2] for name in names] == ["1:", "2:", "3:", "4:"]
    longest = [
        max(s for s, group in zip(source.clips.seconds, source.clips.groups, strict=True) if group == name)
        for name in names
    ]
    assert longest == sorted(longest)


def test_a_column_of_the_labels(cli, corpus, table, tmp_path):
    rows = [
        [clip, *values, corpus.speakers[clip], ("train", "valid")[at // 60], "mf"[at % 2]]
        for at, (clip, values) in enumerate(list(corpus.truth.items())[:90])
    ]
    labels = table(
        tmp_path / "all.csv", ["clip_id", "Joy", "Awe", "Fear", "speaker", "split", "Gender"], rows
    )
    fit = ["fit", corpus.cache, "--labels", labels, "--hidden", 3, "--epochs", 1, "--threads", 1]
    assert cli(*fit, "--no-floor", "--out", tmp_path / "run")[0] == 0
    source = grouped(read_source(tmp_path / "run"), "Gender")
    assert source.clips.groups == tuple("mf"[n % 2] for n in range(30))
    assert cli("report", tmp_path / "run", "--html", "--by", "Gender")[0] == 0
    code, _, err = cli("report", tmp_path / "run", "--html", "--by", "Age")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "no column 'Age' to group by, found clip_id, Joy" in err
    whole = read_source(tmp_path / "run")
    labels.write_text("\n".join(labels.read_text().splitlines()[:-1]))
    with pytest.raises(LabelError, match=r"lacks 1 clip that .* reports on \(00089\).*leave --by Gender out"):
        grouped(whole, "Gender")
    labels.unlink()
    with pytest.raises(TableError, match="no such file"):
        grouped(whole, "Gender")


def test_a_folder_that_does_not_know_its_labels(kept, tmp_path):
    source = dataclasses.replace(read_source(kept), inputs={})
    with pytest.raises(RunError, match="does not say which labels it was fitted from"):
        grouped(source, "Gender")
