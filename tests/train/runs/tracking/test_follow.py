"""A fit is followed live; what goes wrong at the tracker is said once and costs nothing."""

from __future__ import annotations

import logging
import sys
from types import ModuleType

import pytest

from train import fit
from train.runs.tracking import follow
from train.runs.tracking.follow import Follower, following, tracked
from train.runs.tracking.options import TrackOptions
from train.runs.tracking.registry import TRACKERS

CALLS: list[tuple] = []


class Heard:
    """A tracker that remembers, and fails where it is told to."""

    fails = ""

    def __init__(self, place, about):  # noqa: ARG002
        CALLS.append(("begun", about.name))
        self._fail("begun")

    def _fail(self, what):
        if what == type(self).fails:
            raise ValueError("the server\x1b said\nno to http://me:hidden@host")

    @staticmethod
    def look(place):
        return place

    def epochs(self, phase, records):
        CALLS.append((phase, len(records)))
        self._fail("epochs")

    def scores(self, values, epoch):  # noqa: ARG002
        CALLS.append(("scores", epoch))
        self._fail("scores")

    def pictures(self, paths):
        CALLS.append(("pictures", len(list(paths))))

    def close(self, *, finished):
        CALLS.append(("closed", finished))
        self._fail("close")


@pytest.fixture
def heard(monkeypatch):
    module = ModuleType("heard_tracker")
    module.Heard = Heard
    monkeypatch.setitem(sys.modules, module.__name__, module)
    TRACKERS.add("heard", "heard_tracker:Heard", "for this test")
    monkeypatch.setattr(follow, "TELL_EVERY", 0.0)
    monkeypatch.setattr("train.runs.tracking.options.LIBRARIES", {"heard": ()})
    CALLS.clear()
    yield TrackOptions("heard")
    Heard.fails = ""
    TRACKERS.remove("heard")


def test_every_epoch_is_told_as_it_comes_and_the_rest_at_the_end(
    heard, corpus, splits, small, quiet, tmp_path
):
    with tracked(heard, tmp_path / "run"):
        run = fit(corpus.cache, splits, small, tmp_path / "run", progress=quiet)
    live = [("epoch", number) for number in (1, 2, 3, 4)]
    end = [("epoch", 4), ("scores", run.metrics["epoch"]), ("pictures", 2), ("closed", True)]
    assert [("begun", "run"), *live, *end] == CALLS
    CALLS.clear()
    fit(corpus.cache, splits, small, tmp_path / "run", progress=quiet)
    assert CALLS == [], "outside nobody is told"


@pytest.mark.parametrize("fails", ["begun", "epochs", "scores", "close"])
def test_a_failure_is_said_once_and_costs_nothing(heard, fails, corpus, splits, run, quiet, tmp_path, caplog):
    Heard.fails = fails
    with caplog.at_level(logging.WARNING), tracked(heard, tmp_path / "run") as tracking:
        found = fit(corpus.cache, splits, run.config, tmp_path / "run", progress=quiet)
        count = len(CALLS)
        fit(corpus.cache, splits, run.config, tmp_path / "run", progress=quiet)
    assert found.metrics == run.metrics
    assert len(CALLS) == count, "it is left alone from then on"
    (said,) = [each.getMessage() for each in caplog.records if "--track" in each.getMessage()]
    assert "ValueError" in said
    assert "is not tracked" in said
    assert not set("\x1b\n") & set(said)
    assert "hidden" not in said
    assert tracking.line() == ""


def test_a_fit_that_stops_is_closed_as_unfinished(heard, kept, tmp_path):
    def stopped():
        with following(kept) as follower:
            follower.epochs(lambda: {"epoch": []})
            raise KeyboardInterrupt

    with tracked(heard, kept):
        with pytest.raises(KeyboardInterrupt):
            stopped()
        with following(kept, wanted=False) as nobody:
            nobody.finish()
    assert CALLS[-1] == ("closed", False)
    Follower(kept, None).finish()


def test_runs_are_named_below_the_folder_of_the_command(heard, tmp_path):
    with tracked(heard, tmp_path / "study") as tracking:
        assert tracking.name_of(tmp_path / "study" / "runs" / "a" / "seed-0") == "study/runs/a/seed-0"
        assert tracking.name_of(tmp_path.parent) == tmp_path.parent.name
