"""MLflow's own client finds the run: parameters, every epoch once, scores with their interval, pictures."""

from __future__ import annotations

import pytest

from train import fit
from train.runs.history import read_history
from train.runs.tracking.follow import tell_run, tracked
from train.runs.tracking.options import TrackOptions
from train.runs.tracking.whole import tell_study

pytestmark = pytest.mark.filterwarnings("ignore")  # of its libraries, about themselves


def test_a_fit_is_read_back_and_told_again_is_there_once(
    stored, corpus, splits, small, quiet, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tmp_path / "it's one"
    with tracked(TrackOptions("mlflow"), out) as tracking:
        run = fit(corpus.cache, splits, small, out, progress=quiet)
        again = fit(corpus.cache, splits, small, out, progress=quiet)
        tell_run(out)
        row = {"name": "a\n<row>", "pearson": {"estimate": 0.5, "low": 0.25, "high": None}}
        tell_study(tmp_path / "study", "pearson", [row])
    assert "mlflow ui --backend-store-uri" in tracking.line()
    assert again.metrics == run.metrics
    client = stored(tmp_path / "mlflow")
    experiment = client.get_experiment_by_name("emi-fusion").experiment_id
    whole, one = sorted(client.search_runs([experiment]), key=lambda each: len(each.data.params))
    assert (one.info.run_name, one.info.status) == ("it's one", "FINISHED")
    assert one.data.params["hidden"] == "6"
    history = read_history(out / "history.csv")
    told = client.get_metric_history(one.info.run_id, "epoch/loss")
    assert [(each.step, each.value) for each in told] == list(
        zip(history["epoch"], history["loss"], strict=True)
    )
    assert one.data.metrics["valid/pearson"] == run.metrics["valid"]["pearson"]["mean"]
    assert one.data.metrics["valid/pearson high"] == run.metrics["interval"]["high"]
    assert len(client.get_metric_history(one.info.run_id, "valid/pearson")) == 1
    pictures = {each.path for each in client.list_artifacts(one.info.run_id, "pictures")}
    assert {"pictures/learning_curves.png", "pictures/scatter.png"} <= pictures
    assert whole.data.metrics == {"rows/a__row_/pearson": 0.5, "rows/a__row_/pearson low": 0.25}
