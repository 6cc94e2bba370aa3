"""What the laptop cache costs is measured."""

from __future__ import annotations

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
