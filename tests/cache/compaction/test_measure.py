"""What the laptop cache costs is measured."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from cache.common.tables import read_table
from cache.compaction.measure import as_text, measure


def test_what_it_costs_is_measured(full, small, tmp_path) -> None:
    fidelity = measure(full, small)
    assert all(0 < loss.total < 0.2 for loss in fidelity.losses)
    assert 0.9 < fidelity.explained["hidden_states/12"] < 1
    assert {probe.features for probe in fidelity.probes} == {"global means", "pooled frames"}
    labels = tmp_path / "labels.csv"
    labels.write_text("clip_id,Joy,speaker\n" + "".join(f"{n:02},{n / 20},s{n}\n" for n in range(20)))
    assert measure(full, small, read_table(labels)).targets == ("Joy",)
    assert "ridge probe on pooled frames" in as_text(fidelity)


def labels_of(path, rows):
    path.write_text("clip_id,Joy,Awe,mood\n" + "".join(f"{n:02},{row}\n" for n, row in enumerate(rows)))
    return read_table(path)


def test_the_probe_predicts_the_targets_that_are_named(full, small, tmp_path) -> None:
    labels = labels_of(tmp_path / "l.csv", [f"{n / 20},{(n * 7) % 5},x" for n in range(20)])
    both, one = (measure(full, small, labels, targets=names) for names in (None, ["Awe"]))
    assert (both.targets, one.targets) == (("Joy", "Awe"), ("Awe",))
    joy = measure(full, small, labels, targets=["Joy"])
    for whole, first, second in zip(both.probes, joy.probes, one.probes, strict=True):
        assert whole.features == first.features == second.features
    for name, message in (("Fear", "no column 'Fear' to probe"), ("mood", "holds other than numbers")):
        with pytest.raises(TableError, match=message):
            measure(full, small, labels, targets=[name])


def test_each_target_is_probed_on_the_clips_that_have_it(full, small, tmp_path) -> None:
    rows = [f"{(n * n) % 7},{'' if n < 6 else (n * 7) % 5},x" for n in range(20)]
    gaps = measure(full, small, labels_of(tmp_path / "g.csv", rows), targets=["Awe", "Joy"])
    joy = measure(full, small, labels_of(tmp_path / "j.csv", rows), targets=["Joy"])
    awe = measure(full, small, labels_of(tmp_path / "a.csv", rows), targets=["Awe"])
    assert (gaps.clips, joy.clips, awe.clips) == (20, 20, 14)
    for both, one, two in zip(gaps.probes, joy.probes, awe.probes, strict=True):
        assert both.full == pytest.approx((one.full + two.full) / 2, nan_ok=True)
        assert both.compact == pytest.approx((one.compact + two.compact) / 2, nan_ok=True)
