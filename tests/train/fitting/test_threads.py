"""The threads of a fit: the fastest number is taken, noted, kept, and changes nothing else."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import torch

from cache.common.progress import Progress
from train.fitting import threads
from train.fitting.fit import SharedFit, fit
from train.fitting.threads import fastest, measured_rates, numbers_to_try, rates_line
from train.machine import threads_of

SHARED = SharedFit(pictures=False, audited=True)
FILES = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json")


def bits(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def environment(folder):
    return json.loads((folder / "environment.json").read_text())


@pytest.fixture
def two_cores():
    """As if torch had two cores; the tests' own single thread comes back."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def measures(monkeypatch, two_cores):
    """Rates that a measurement finds, in turn; gives the list of those that were asked for."""

    def give(*rates):
        coming, asked = list(rates), []

        def found(_training, _task, _features, counts):
            asked.append(list(counts))
            return coming.pop(0)

        monkeypatch.setattr(threads, "measured_rates", found)
        return asked

    return give


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])]
)
def test_powers_of_two_and_all_cores_are_tried(most, expected):
    assert numbers_to_try(most) == expected


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({1: 5000.0, 2: 1000.0}, 1),
        ({1: 500.0, 2: 900.0, 4: 1500.0}, 4),
        ({1: 100.0, 2: 101.0, 4: 104.0}, 1),  # no more than chance
        ({1: 100.0, 2: 190.0, 4: 195.0}, 2),
        ({1: 0.0, 2: 0.0}, 1),
    ],
)
def test_the_fastest_is_taken_and_of_equals_the_fewest(rates, expected):
    assert fastest(rates) == expected


def test_the_line_says_what_was_measured():
    line = rates_line({1: 5017.3, 2: 1011.0})
    assert line == "takes 1 thread (1 thread: 5,017 clips/s, 2 threads: 1,011 clips/s)"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "fields",
    [
        {"dropout": 0.5, "standardise": "train"},
        {"clip_vector": "components", "refit": True, "temporal": "gru"},
        {"lstm": False, "clip_vector": "statistics"},
    ],
)
def test_a_choice_gives_the_bits_of_that_number_of_threads(
    corpus, splits, small, tmp_path, monkeypatch, two_cores, count, fields
):
    """The measurement itself is made, and only its result is fixed: it must leave no trace."""
    config = replace(small, epochs=2, **fields)
    torch.manual_seed(5)
    with threads_of(count):
        expected = fit(corpus.cache, splits, config, tmp_path / "given", shared=SHARED)
    monkeypatch.setattr(threads, "fastest", lambda _rates: count)
    state = torch.random.get_rng_state()
    torch.manual_seed(5)
    found = fit(corpus.cache, splits, config, tmp_path / "measured", shared=SHARED)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert bits(found.path) == bits(expected.path)
    assert environment(found.path)["threads_of_each_sitting"] == [count]
    assert environment(expected.path)["clips_per_second_by_threads"] == {}
    measured = environment(found.path)["clips_per_second_by_threads"]
    assert list(measured) == ["1", "2"]
    assert min(measured.values()) > 0
    assert torch.get_num_threads() == 2


def test_one_line_says_it_and_one_core_or_a_given_number_measures_nothing(
    corpus, splits, small, tmp_path, measures
):
    asked = measures({1: 90.0, 2: 30.0})
    shown = io.StringIO()
    fit(
        corpus.cache,
        splits,
        replace(small, epochs=1),
        tmp_path / "run",
        progress=Progress(shown),
        shared=SHARED,
    )
    assert "takes 1 thread (1 thread: 90 clips/s, 2 threads: 30 clips/s)\n" in shown.getvalue()
    shown = io.StringIO()
    with threads_of(2):
        fit(
            corpus.cache,
            splits,
            replace(small, epochs=1),
            tmp_path / "given",
            progress=Progress(shown),
            shared=SHARED,
        )
    torch.set_num_threads(1)
    fit(
        corpus.cache,
        splits,
        replace(small, epochs=1),
        tmp_path / "one",
        progress=Progress(shown),
        shared=SHARED,
    )
    assert "takes" not in shown.getvalue()
    assert asked == [[1, 2]]
    assert environment(tmp_path / "given")["threads_of_each_sitting"] == [2]


class Killed(BaseException):
    """Stands for what ends a process between two epochs."""


class Dying(Progress):
    """Raises once an epoch is done."""

    def line(self, text):
        if text.startswith("epoch 2/"):
            raise Killed


@pytest.mark.parametrize("count", [1, 2])
def test_a_continued_fit_takes_as_many_threads_as_before(
    corpus, splits, small, quiet, tmp_path, measures, count
):
    other = 3 - count
    asked = measures({count: 90.0, other: 30.0}, {other: 90.0, count: 30.0})
    with threads_of(count):
        whole = fit(corpus.cache, splits, small, tmp_path / "whole", progress=quiet, shared=SHARED)
    with pytest.raises(Killed):
        fit(corpus.cache, splits, small, tmp_path / "run", progress=Dying(io.StringIO()), shared=SHARED)
    shown = io.StringIO()
    again = fit(corpus.cache, splits, small, tmp_path / "run", progress=Progress(shown), shared=SHARED)
    assert len(asked) == 1
    assert "may differ" not in shown.getvalue()
    assert environment(again.path)["threads_of_each_sitting"] == [count, count]
    assert environment(again.path)["clips_per_second_by_threads"] == {str(count): 90.0, str(other): 30.0}
    assert bits(again.path) == bits(whole.path)


def test_a_continued_fit_on_fewer_cores_says_so(corpus, splits, small, tmp_path, measures):
    measures({1: 30.0, 2: 90.0})
    with pytest.raises(Killed):
        fit(corpus.cache, splits, small, tmp_path / "run", progress=Dying(io.StringIO()), shared=SHARED)
    torch.set_num_threads(1)
    shown = io.StringIO()
    fit(corpus.cache, splits, small, tmp_path / "run", progress=Progress(shown), shared=SHARED)
    assert "threads: 1 now, [2] before; the bits may differ" in shown.getvalue()


@pytest.mark.parametrize(("more", "runs"), [(("--ensemble", 2), "seed-*"), (("--folds", 2), "fold-?")])
def test_several_fits_of_a_command_measure_once(cli, corpus, tmp_path, measures, more, runs):
    asked = measures({1: 30.0, 2: 90.0})
    labels = corpus.labels / "train_split.csv" if "--folds" in more else corpus.labels
    group = ("--group", "speaker") if "--folds" in more else ()
    given = ("--labels", labels, "--hidden", 4, "--epochs", 1, "--no-floor", "--out", tmp_path / "runs")
    assert cli("fit", corpus.cache, *given, *more, *group)[0] == 0
    assert asked == [[1, 2]]
    found = [environment(run) for run in (tmp_path / "runs").glob(runs) if run.is_dir()]
    assert [each["threads_of_each_sitting"] for each in found] == [[2], [2]]
    assert all(each["clips_per_second_by_threads"] == {"1": 30.0, "2": 90.0} for each in found)
    assert torch.get_num_threads() == 2


def test_what_is_left_of_an_ensemble_takes_the_threads_of_its_finished_runs(cli, corpus, tmp_path, measures):
    asked = measures({1: 30.0, 2: 90.0}, {1: 90.0, 2: 30.0})
    given = (
        "--labels",
        corpus.labels,
        "--hidden",
        4,
        "--epochs",
        1,
        "--no-floor",
        "--out",
        tmp_path / "runs",
    )
    assert cli("fit", corpus.cache, *given, "--ensemble", 2)[0] == 0
    assert cli("fit", corpus.cache, *given, "--ensemble", 3)[0] == 0
    assert len(asked) == 1
    assert environment(tmp_path / "runs/seed-2")["threads_of_each_sitting"] == [2]


def test_reproduce_takes_the_threads_of_the_run(cli, corpus, tmp_path, measures):
    asked = measures({1: 30.0, 2: 90.0}, {1: 90.0, 2: 30.0})
    given = ("--labels", corpus.labels, "--hidden", 4, "--epochs", 2, "--no-floor", "--out", tmp_path / "run")
    assert cli("fit", corpus.cache, *given)[0] == 0
    code, out, _ = cli("reproduce", tmp_path / "run")
    assert (code, len(asked)) == (0, 1), out


class Clock:
    """Stands for ``time``: a step lasts as long as its number of threads says."""

    def __init__(self, seconds):
        self.now, self.seconds, self.steps = 0.0, seconds, []

    def perf_counter(self):
        return self.now

    def step(self, *_):
        self.steps.append(torch.get_num_threads())
        self.now += self.seconds[self.steps[-1]]


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [
        ({1: 0.01, 2: 0.005}, {1: 2, 2: 6}),  # one thread is hopeless after its first timed step
        ({1: 0.01, 2: 0.009}, {1: 6, 2: 6}),
        ({1: 0.2, 2: 0.2}, {1: 3, 2: 3}),  # the second round ends after the second
        ({1: 4.0, 2: 3.0}, {1: 2, 2: 2}),
    ],
)
def test_the_measurement_is_short(captured, monkeypatch, two_cores, seconds, steps):
    clock = Clock(seconds)
    monkeypatch.setattr(threads, "time", clock)
    monkeypatch.setattr(threads, "take_step", clock.step)
    rates = measured_rates(*captured, [1, 2])
    assert {count: clock.steps.count(count) for count in seconds} == steps
    assert rates[1] / rates[2] == pytest.approx(seconds[2] / seconds[1], rel=0.01)
    assert torch.get_num_threads() == 2


@pytest.fixture
def captured(corpus, splits, small, quiet, tmp_path, monkeypatch):
    """What a fit hands to its measurement."""
    found = []
    monkeypatch.setattr(threads, "measured_rates", lambda *given: found.extend(given[:3]) or {1: 1.0})
    torch.set_num_threads(2)
    fit(corpus.cache, splits, replace(small, epochs=1), tmp_path / "run", progress=quiet, shared=SHARED)
    torch.set_num_threads(1)
    return found


def test_long_clips_are_cut_and_their_rate_is_that_of_whole_ones(captured, monkeypatch, two_cores):
    lengths = []
    monkeypatch.setattr(threads, "take_step", lambda _training, batch, *_: lengths.append(batch.frames.shape))
    monkeypatch.setattr(threads, "time", Clock({1: 1.0, 2: 1.0}))
    monkeypatch.setattr(threads, "median", lambda _times: 1.0)
    whole = measured_rates(*captured, [1, 2])[1]
    frames = lengths[0][1]
    monkeypatch.setattr(threads, "FRAMES", 5)
    cut = measured_rates(*captured, [1, 2])[1]
    assert lengths[-1][1] == 5
    assert cut == pytest.approx(whole * 5 / frames, abs=0.1)
