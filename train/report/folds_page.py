"""The page of a cross-validation: scores by fold and by target, pictures, chance, audit, commands.

The figure that counts is the mean over folds; pooled predictions are shown as a picture only, with their folds
marked, since each head has its own offset.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from cache.common.words import counted, in_markdown
from train.checksums import known_fields, read_json
from train.files import AUDIT_FILE, CONFIG_FILE, ENVIRONMENT_FILE, HISTORY_FILE
from train.report.fit_command import fit_command
from train.report.fold_plots import plot_fold_histories, plot_pooled
from train.report.plots import Curves, same_loss
from train.report.read_folds import Folds, HeldOut
from train.report.sections import (
    SKIPPED,
    TWENTY,
    audit_section,
    coverage_section,
    environment_section,
    folds_audit_section,
)
from train.report.styles import markdown_table
from train.report.table import interval_cell
from train.report.weights_section import weights_sections
from train.runs.history import read_history
from train.runs.run_folder import load_run
from train.runs.settings import in_a_line, settings_of
from train.scores.folds import FoldScores, mean_scores
from train.scores.permutation import Null, null_of_folds
from train.scores.registry import METRICS
from train.scores.targets import mean_of, mean_score, metrics_of
from train.scores.wording import (
    ENOUGH_ORDERS,
    NOTHING,
    few_fold_orders_warning,
    interval_caption,
    metric_sign,
    p_cell,
    p_text,
    score_text,
    typeset,
    why_no_interval,
)
from train.studies.cross_validation import WHY_BIASED

FOLD_BY_FOLD = "## Folds"
POOLED_PICTURE, CURVES_PICTURE = "pooled.png", "learning_curves.png"
MOST_CURVES = 24  # panels of one picture
UNSEEN = "Every clip as the head predicts it that has not seen it, one line for each fold."
NOT_IN_IT = (
    "An interval is over the speakers of all folds; how heads vary with what they were trained on is not in it, "
    "since the folds share training clips."
)


def folds_parts(found: Folds, out: Path) -> list[str]:
    """Return the sections of a cross-validation's page, and draw its pictures into ``out``.

    Raises:
        RunError: if a run is damaged.
    """
    return [
        f"# {in_markdown(found.path.resolve().name)}: cross-validation, {counted(len(found.folds), 'fold')}",
        *folds_tables(found),
        *_pictures(found, out),
        *folds_sections(found),
    ]


def folds_sections(found: Folds) -> list[str]:
    """Return the sections below the pictures of a cross-validation's page, without the commands.

    Raises:
        RunError: if a run is damaged.
    """
    first = found.folds[0].run
    return [
        *weights_sections({found.path.name: [fold.run for fold in found.folds]}),
        "## Chance",
        *_chance(found),
        "## Audit",
        _audit(found),
        "## Coverage",
        coverage_section([fold.run for fold in found.folds]),
        f"## Environment of {in_markdown(first.name)}",
        environment_section(first),
        _other_environments(found),
        "## Settings",
        f"{in_markdown(in_a_line(settings_of(found.config, load_run(first))))}.",
    ]


def folds_commands(found: Folds) -> str:
    """Return the commands that make a cross-validation again: all of it, compared bit by bit, and anew."""
    lines = ["```sh", shlex.join(["emi-train", "reproduce", str(found.path)]), "# or anew:"]
    first, inputs = found.folds[0].run, found.inputs
    if "folds" in inputs:
        more = ["--folds", str(inputs["folds"])]
        more += ["--group", str(inputs["group"])] if inputs.get("group") else []
        more += ["--allow-speaker-overlap"] if inputs.get("allow_speaker_overlap") else []
        lines.append(fit_command(first, f"again/{found.path.resolve().name}", more, inputs))
        lines.append("# or fold by fold:")
    for fold in found.folds:
        tables = {name: str(fold.run.with_name(f"{fold.part}.{name}.csv")) for name in ("train", "valid")}
        named = read_json(fold.run / ENVIRONMENT_FILE).get("inputs") or {}
        lines.append(fit_command(fold.run, f"again/{fold.part}", inputs={**named, **tables}))
    return "\n".join([*lines, "```"])


def folds_tables(found: Folds) -> list[str]:
    """Return the scores of a cross-validation: of all folds, of each, of each target, by every metric."""
    sign, scored = metric_sign(found.metric), FoldScores.of(found.scored, found.metric)
    whole = scored.interval()
    divided = f" Divided {in_markdown(found.divided)}." if found.divided else ""
    return [
        "## Scores",
        f"Mean {sign} over the folds: **{interval_cell(whole)}**.{divided}",
        f"{in_markdown(interval_caption(whole))}. {NOT_IN_IT}",
        FOLD_BY_FOLD,
        _fold_table(found),
        f"## {sign} per emotion",
        _target_table(found, scored),
        "## All metrics",
        "Means over the folds that have one; clipped to the range of each fold's training labels.",
        _metric_table(found),
    ]


def _fold_table(found: Folds) -> str:
    """Return one row a fold: its clips, its scores, the epoch kept; "undefined" where a target is constant."""
    named = any(fold.name for fold in found.folds)
    others = [name for name in _metrics(found) if name != found.metric]
    header = ["fold", *(["held out"] if named else []), "clips", "speakers"]
    header += [metric_sign(found.metric), *map(metric_sign, others), *found.names, "epoch kept"]
    rows = []
    score = METRICS.get(found.metric)
    for fold in found.folds:
        truth, predictions, who = fold.scored
        each = score(truth, predictions)
        people = {name for name in who if name is not None}
        rows.append(
            [
                fold.part,
                *([fold.name] if named else []),
                str(len(truth)),
                str(len(people) or "unknown"),
                _cell(mean_of(each, truth)),
                *(_cell(mean_score(METRICS.get(name), truth, predictions)) for name in others),
                *map(_cell, each),
                str(fold.metrics["epoch"]),
            ]
        )
    return markdown_table(header, rows)


def _target_table(found: Folds, scored: FoldScores) -> str:
    rows = []
    for target, name in enumerate(found.names):
        interval, count = scored.interval(target), scored.number_of_folds(target)
        some = "" if count == len(found.folds) else f"constant in {len(found.folds) - count} of them"
        why = "; ".join(filter(None, (some, why_no_interval(interval))))
        rows.append([name, interval_cell(interval), str(count), why])
    sign = metric_sign(found.metric)
    return markdown_table(["", f"{sign}, mean over folds [95 %]", "folds with a score", "note"], rows)


def _metrics(found: Folds) -> list[str]:
    return metrics_of(np.concatenate([fold.truth for fold in found.scored]))


def _metric_table(found: Folds) -> str:
    clipped = [fold.scored._replace(predictions=_clipped(fold)) for fold in found.folds]
    both = [mean_scores(folds, found.names) for folds in (found.scored, clipped)]
    names = _metrics(found)
    rows = [
        ["mean [95 %]", *(interval_cell(FoldScores.of(found.scored, name).interval()) for name in names)],
        ["mean, clipped", *(_cell(both[1][name]["mean"]) for name in names)],
    ]
    rows += [
        [target, *(_cell(both[0][name]["per_target"][target]) for name in names)] for target in found.names
    ]
    return markdown_table(["", *map(metric_sign, names)], rows)


def _clipped(fold: HeldOut) -> np.ndarray:
    return load_run(fold.run).targets.clipped(fold.predictions)


def _pictures(found: Folds, out: Path) -> list[str]:
    plot_pooled(out / POOLED_PICTURE, found.scored, found.names, found.metric)
    parts = [
        "## Predictions",
        f"{UNSEEN} The correlation of all points together is {WHY_BIASED}.",
        f"![predictions, fold by fold]({POOLED_PICTURE})",
    ]
    curves, what = folds_curves(found)
    drawn = dict(list(curves.items())[:MOST_CURVES])
    if drawn:
        alike = same_loss(drawn)
        values = {name if alike else f"{name} ({each.loss})": each.values[0] for name, each in drawn.items()}
        epochs = [each.chosen[0] for each in drawn.values()]
        plot_fold_histories(out / CURVES_PICTURE, values, epochs, what, heights=alike)
        some = f"The first {MOST_CURVES} of {len(curves)} folds." if len(curves) > MOST_CURVES else ""
        parts += ["## Learning curves", *filter(None, [some]), f"![learning curves]({CURVES_PICTURE})"]
    return parts


def folds_curves(found: Folds) -> tuple[dict[str, Curves], str]:
    """Return the learning curve of each fold that has one, by its name, and what they show.

    Raises:
        RunError: if a history is damaged.
    """
    column = "loss" if found.folds[0].metrics["selected_on"] == "last epoch" else "score"
    what = "training loss" if column == "loss" else f"mean {found.metric}, each fold on its own clips"
    curves = {}
    for fold in found.folds:
        if (fold.run / HISTORY_FILE).exists():
            values = np.array(read_history(fold.run / HISTORY_FILE)[column])
            loss = str(read_json(fold.run / CONFIG_FILE)["loss"]) if column == "loss" else ""
            curves[fold.part] = Curves([fold.run.name], [values], [int(fold.metrics["epoch"])], loss=loss)
    return curves, what


def _chance(found: Folds) -> list[str]:
    null = null_of_folds(found.scored, found.metric)
    sign, mean, orders = metric_sign(found.metric), null.mean, null.orders_together
    beyond = f" and beyond {_cell(mean.upper)} in one case of twenty" if orders >= TWENTY else ""
    wrong = mean.by.replace(" or ", "s, or ")
    text = (
        f"With the predictions of each fold given to the wrong {wrong}s of that fold ({mean.permutations} "
        f"permutations), the mean {sign} over the folds is {_cell(mean.mean)} on average{beyond}; as it is, it is "
        f"{_cell(mean.observed)} ({p_text(mean.p_value)}){few_fold_orders_warning(orders)}."
    )
    rows = [_chance_row(*each) for each in zip(found.folds, null.folds, null.orders, strict=True)]
    header = ["fold", sign, "by chance", "95th percentile", "p, uncorrected", "swapped", "orders"]
    return [text, markdown_table(header, rows)]


def _chance_row(fold: HeldOut, null: Null, orders: int) -> list[str]:
    """Return the cells of a fold; with few orders the most extreme one is no case of twenty."""
    upper = _cell(null.upper) if orders >= TWENTY else NOTHING
    scores = [_cell(null.observed), _cell(null.mean), upper, p_cell(null.p_value)]
    return [fold.part, *scores, f"{null.by}s", str(orders) if orders <= ENOUGH_ORDERS else "many"]


def _audit(found: Folds) -> str:
    if (found.path / AUDIT_FILE).exists():
        return audit_section(found.path)
    return folds_audit_section([fold.run for fold in found.folds])


def _other_environments(found: Folds) -> str:
    """Say in which folds the environment is not that of the first."""
    told = [_environment(fold.run) for fold in found.folds]
    differing = {
        fold.part: sorted(name for name in {*told[0], *each} if told[0].get(name) != each.get(name))
        for fold, each in zip(found.folds, told, strict=True)
    }
    lines = [f"{name}: {', '.join(fields)}" for name, fields in differing.items() if fields]
    return f"Other in {in_markdown('; '.join(lines))}." if lines else "The same for all folds."


def _environment(run: Path) -> dict[str, object]:
    path = run / ENVIRONMENT_FILE
    timed = ("seconds", "waited_for_data", "clips_per_second")
    with known_fields(path, "an environment"):
        kept = {name: value for name, value in read_json(path).items() if name not in timed}
        return {n: v for n, v in kept.items() if n not in SKIPPED or n == "versions"}


def _cell(value: float) -> str:
    return typeset(score_text(float(value)))
