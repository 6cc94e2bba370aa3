"""Pictures of a study: drawn for rows with and without a score, and for histories of any length."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from train.report import fold_plots, plots
from train.report.page import _inner_part
from train.report.plots import Bar, Curves, draw_bars, plot_differences, plot_histories, plot_rows, same_loss
from train.runs.plots import BLUE, MUTED, figure_of, panels_of
from train.scores.estimates import Interval
from train.studies.scored import score_rows


def is_png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def few(study):
    """Three rows of a study, the last one with a constant prediction."""
    rows = study.rows[:3]
    loaded = {run: study.predictions(row)[seed] for row in rows for seed, run in enumerate(row.runs)}
    loaded |= {run: np.zeros_like(study.truth) for run in rows[-1].runs}
    made = replace(study, rows=rows, loaded=loaded)
    return made, score_rows(made)


@pytest.mark.parametrize("draw", [plot_rows, plot_differences])
def test_rows_and_differences_are_drawn_even_where_undefined(draw, few, tmp_path) -> None:
    study, scores = few
    assert np.isnan(scores.intervals[-1].estimate)
    draw(tmp_path / "picture.png", study, scores)
    assert is_png(tmp_path / "picture.png")


@pytest.mark.parametrize("draw", [plot_rows, plot_differences])
def test_what_is_written_below_lies_within_the_picture(draw, few, tmp_path, monkeypatch) -> None:
    study, scores = few
    long = "baseline: all streams: frame statistics, ridge"  # leaves the axis half of the width
    rows = tuple(replace(row, name=f"{long} {number}") for number, row in enumerate(study.rows))
    drawn = []

    @contextmanager
    def kept(*arguments):
        with figure_of(*arguments) as axis:
            drawn.append(axis)
            yield axis

    monkeypatch.setattr(plots, "figure_of", kept)
    named = replace(study, rows=rows, reference=rows[0].name, selected_on="valid", folds=("fold-1",) * 6)
    draw(tmp_path / "picture.png", named, scores)
    figure = drawn[0].figure
    (below,) = [text for text in figure.texts if "95 % interval" in text.get_text()]
    found = below.get_window_extent()
    assert found.x0 >= 0
    assert found.x1 <= figure.bbox.width


@pytest.fixture
def axis():
    from matplotlib.figure import Figure

    return Figure().subplots()


def bar(name, estimate, low, high, colour=BLUE):
    interval = Interval(estimate, low, high, 0.95, "speaker", 30, 30.0, 3, "Student's t")
    return Bar(name, interval, colour, f"{estimate:.3f}")


def test_an_absurd_interval_is_cut_off_and_its_numbers_are_written(axis):
    bars = [bar("a", 0.5, 0.4, 0.6), bar("b", 0.4, -0.71, 1.0), bar("c", 0.45, 0.35, 0.55)]
    assert "goes on" in draw_bars(axis, bars)
    left, right = axis.get_xlim()
    assert 0.2 < left < 0.35
    assert 0.6 < right < 0.75
    assert [text.get_text() for text in axis.texts] == ["0.500", "0.400 [−0.710, 1.000]", "0.450"]
    arrows = [line for line in axis.lines if line.get_marker() in "<>"]
    assert [(line.get_marker(), line.get_xdata()[0]) for line in arrows] == [("<", left), (">", right)]
    drawn = [
        line.get_xdata() for line in axis.lines if line.get_linewidth() == 2 and len(line.get_xdata()) == 2
    ]
    assert np.all((left <= np.array(drawn)) & (np.array(drawn) <= right))


def test_usual_intervals_are_shown_whole(axis):
    nothing = bar("d", 0.5, np.nan, np.nan)
    bars = [bar("a", 0.5, 0.3, 0.6), bar("b", 0.4, 0.1, 0.8), Bar("c", None, BLUE, ""), nothing]
    assert draw_bars(axis, bars, [0.0]) == ""
    left, right = axis.get_xlim()
    assert left < 0
    assert right > 0.8
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["0.500", "0.400", "undefined", "0.500 (no interval)"]


def test_a_difference_is_coloured_by_its_corrected_p_value(study_of, tmp_path, monkeypatch):
    """Not by its interval: uncorrected, one of twenty leaves 0 out by chance."""
    drawn = []
    monkeypatch.setattr(plots, "draw_bars", lambda _, bars, *__: drawn.extend(bars) or "")
    rng = np.random.default_rng(0)
    truth = rng.random((30, 1))
    study = study_of(truth, {name: rng.random((1, 30, 1)) for name in ("ref", "a", "b", "c")})
    scores = score_rows(study)
    above = replace(scores.intervals[0], estimate=0.2, low=0.1, high=0.3)
    scores = replace(scores, differences=[None, above, above, None], p_values=[np.nan, 0.2, 0.04, np.nan])
    plot_differences(tmp_path / "d.png", study, scores)
    assert [(one.name, one.colour) for one in drawn] == [("a", MUTED), ("b", BLUE), ("c", MUTED)]


def test_histories_may_differ_in_length(tmp_path) -> None:
    histories = {
        "a": Curves(["seed-0", "seed-1"], [np.array([0.1, 0.2, np.nan]), np.array([0.1])], [2, 1]),
        "b": Curves(["seed-0"], [np.array([0.3, 0.1])], [9]),
    }
    plot_histories(tmp_path / "curves.png", histories, "mean pearson")
    assert is_png(tmp_path / "curves.png")


@pytest.mark.parametrize("own", [True, False])
def test_curves_on_clips_of_their_own_are_told_apart(own, tmp_path, monkeypatch) -> None:
    seen = {}
    drawn = plots.panels_of

    @contextmanager
    def kept(*args, **options):
        with drawn(*args, **options) as (figure, axes):
            seen["figure"], seen["axis"] = figure, axes[0]
            yield figure, axes

    monkeypatch.setattr(plots, "panels_of", kept)
    curves = Curves(["seed-0", "seed-1"], [np.array([0.1, 0.2]), np.array([0.3, 0.2])], [2, 1], own)
    plot_histories(tmp_path / "curves.png", {"head": curves}, "mean pearson on the inner part of train")
    lines = [line for line in seen["axis"].lines if line.get_linestyle() == "-"]
    assert len({line.get_color() for line in lines if len(line.get_xdata()) == 2}) == (2 if own else 1)
    assert (seen["axis"].get_legend() is not None) == own
    assert ("levels do not compare" in seen["figure"].get_suptitle()) == own


def test_seeds_that_divide_train_alike_lie_over_each_other(ensembled, tmp_path) -> None:
    """The report reads from the runs whether two seeds chose their epochs on the same clips."""
    parts = [_inner_part(ensembled / f"seed-{seed}") for seed in (0, 1)]
    assert parts[0] != parts[1], "by chance they could be; of these they are not"
    assert parts[0] == _inner_part(ensembled / "seed-0")
    assert len(parts[0]) == len(parts[1]) > 0
    assert _inner_part(tmp_path) is None, "a run of an older version does not say"


@pytest.mark.parametrize("losses", [("mse", "mse"), ("mse", "ccc")])
def test_panels_of_several_losses_have_heights_of_their_own(losses, tmp_path, monkeypatch) -> None:
    drawn = []

    @contextmanager
    def watched(*args, **kwargs):
        with panels_of(*args, **kwargs) as (figure, axes):
            yield figure, axes
            drawn.extend(axes)

    for home in (plots, fold_plots):
        monkeypatch.setattr(home, "panels_of", watched)
    values = [np.array([9.0, 1.0]), np.array([0.5, 0.25])]
    curves = {
        name: Curves(["s"], [v], [2], loss=loss) for name, v, loss in zip("ab", values, losses, strict=True)
    }
    alike = losses[0] == losses[1]
    assert same_loss(curves) == alike
    plots.plot_histories(tmp_path / "rows.png", curves, "loss")
    fold_plots.plot_fold_histories(
        tmp_path / "folds.png", dict(zip("ab", values, strict=True)), [2, 2], "loss", heights=alike
    )
    for one, other in (drawn[:2], drawn[2:]):
        assert (one.get_ylim() == other.get_ylim()) == alike
        assert one.get_xlim() == other.get_xlim()
    assert drawn[1].get_title(loc="left") == ("b" if alike else "b (ccc)")
