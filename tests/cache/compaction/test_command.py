"""The command makes the laptop cache, reports, and keeps its report."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cache.__main__ import app
from cache.common.errors import CacheError, RecipeMismatchError
from cache.compaction.compact import compact
from cache.compaction.options import CompactOptions
from cache.compaction.projection import Projection


def test_the_command_reports_and_keeps_its_report(full, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    rows = "".join(f"{n:02},{'train' if n < 14 else 'valid'},{n / 20}\n" for n in range(20))
    labels.write_text("clip_id,split,Joy\n" + rows)
    arguments = ["compact", str(full), str(tmp_path / "c"), "--project", "20", "--fit-on", str(labels)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "pool 5, project 20, int8" in done.stdout
    assert "ridge probe on global means" in done.stdout
    assert len(Projection.load(tmp_path / "c").fitted_on) == 14, "the training split only"
    assert json.loads((tmp_path / "c" / "compact.json").read_text())["clips"] == 20
    refused = CliRunner().invoke(
        app, ["compact", str(full), str(tmp_path / "d"), "--like", "x", "--pool", "3"]
    )
    assert "leave the other options out" in str(refused.exception)
    chosen = CliRunner().invoke(app, ["compact", str(full), str(tmp_path / "e"), "--max-gb", "1", "--json"])
    assert json.loads(chosen.stdout)["pool"] == 1


@pytest.mark.parametrize(
    ("option", "value"), [("--dtype", "float16"), ("--layers", "all"), ("--layers", "6")]
)
def test_options_beside_like_that_contradict_it_are_refused(full, small, tmp_path, option, value) -> None:
    arguments = ["compact", str(full), str(tmp_path / "c"), "--like", str(small), "--no-measure"]
    refused = CliRunner().invoke(app, [*arguments, option, value])
    assert f"not {value}" in str(refused.exception)
    assert not (tmp_path / "c").exists()
    done = CliRunner().invoke(app, [*arguments, "--dtype", "int8", "--layers", "12"])
    assert done.exit_code == 0, done.output
    with pytest.raises(CacheError, match="nothing to fit"):
        compact(full, tmp_path / "c", like=small, fit_on=["00"])
    compact(full, tmp_path / "other", CompactOptions(3, 8))
    with pytest.raises(RecipeMismatchError, match="another recipe"):
        compact(full, tmp_path / "other", like=small)


def test_targets_are_named_before_anything_is_made(full, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip_id,Joy,Awe\n" + "".join(f"{n:02},{n / 20},{(n * 3) % 4}\n" for n in range(20)))
    compact_it = ["compact", str(full), str(tmp_path / "c"), "--project", "20", "--targets", "Awe"]
    refused = CliRunner().invoke(app, compact_it)
    assert "names columns of the table of --fit-on" in str(refused.exception)
    refused = CliRunner().invoke(app, [*compact_it[:-1], "Fear", "--fit-on", str(labels)])
    assert "no column 'Fear' to probe, found clip_id, Joy, Awe" in str(refused.exception)
    assert not (tmp_path / "c").exists()
    done = CliRunner().invoke(app, [*compact_it, "--fit-on", str(labels)])
    assert "held-out clips; Awe)" in done.stdout
