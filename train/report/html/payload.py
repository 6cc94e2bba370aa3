"""What a page shows as JSON values, and how JSON lies in HTML so that nothing in it is ever markup."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.console import json_ready
from cache.common.words import in_one_line
from train.labels.classes import is_one_hot, short_names
from train.report.html.blocks import blocks_in
from train.report.html.contest import Contestant, comparable, contestants, differences, scored_rows
from train.report.html.source import Source
from train.report.plots import Curves
from train.scores.evidence import group_scores
from train.scores.wording import WITHIN_GROUPS, interval_text, metric_sign, typeset

FloatArray = npt.NDArray[np.float64]
MOST_NUMBERS = 900_000  # labels and predictions of a page: about 7 MB
MOST_CURVES = 24  # rows, or folds, of a folder whose learning curves are drawn
MOST_GROUPS = 100
MOST_CLASSES = 60  # of a table of which was taken for which
OTHER_FOLDERS = "Folders that do not report on the same clips in the same folds have no differences."
IN_HTML = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def json_in_html(values: Any) -> str:
    """Return values as JSON that may stand in a ``script`` element: no ``<``, ``>`` or ``&``, nothing but ASCII."""
    text = json.dumps(json_ready(values), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(IN_HTML)


def payload(sources: Sequence[Source], sounds: Mapping[str, str]) -> dict[str, Any]:
    """Return all that a page shows.

    Args:
        sources: the folders, at least one.
        sounds: clip id → address of its sound.
    """
    found, first = contestants(sources), sources[0]
    names = [_row_name(each, sources) for each in found]
    same_names = all(source.names == first.names for source in sources)
    rows = scored_rows(found, len(first.names) if same_names else 0)
    for row, name, predictions in zip(rows, names, _predictions(found, sources), strict=True):
        row |= {"name": name, "predictions": predictions}
    title = first.name if len(sources) == 1 else f"{len(sources)} folders side by side"
    apart = not all(comparable(first, source) for source in sources)
    return {
        "title": in_one_line(title),
        "kind": first.kind if len(sources) == 1 else ", ".join(in_one_line(each.name) for each in sources),
        "sign": metric_sign(first.metric),
        "targets": _texts(first.names) if same_names else None,
        "reference": names.index(_row_name(_reference(found, first), sources)),
        "family": first.family,
        "apart": OTHER_FOLDERS if apart else "",
        "rows": rows,
        "differences": differences(found, sources),
        "sources": [_source(number, source, found, sounds) for number, source in enumerate(sources)],
    }


def _source(
    number: int, source: Source, found: Sequence[Contestant], sounds: Mapping[str, str]
) -> dict[str, Any]:
    clips = source.clips
    kept = _kept_targets(source)
    return {
        "name": in_one_line(source.name),
        "path": in_one_line(str(source.path)),
        "kind": source.kind,
        "caption": in_one_line(source.caption),
        "targets": _texts(source.names[:kept]),
        "all_targets": len(source.names),
        "classes": _classes(source, kept),
        "ids": _texts(clips.ids),
        "parts": _texts(clips.parts),
        "speakers": [None if who is None else in_one_line(who) for who in clips.speakers],
        "groups": _texts(clips.groups),
        "seconds": _numbers(clips.seconds),
        "truth": [_numbers(column) for column in clips.truth.T[:kept]],
        "deviations": _numbers(_deviations(clips.truth[:, :kept])),
        "sounds": [sounds.get(clip_id) for clip_id in clips.ids],
        "groups_table": _groups_table([each for each in found if each.source == number], source),
        "curves_show": source.curves_show,
        "curves": [_curve(title, each) for title, each in list(source.curves.items())[:MOST_CURVES]],
        "curves_left_out": max(0, len(source.curves) - MOST_CURVES),
        "tables": blocks_in(source.tables),
        "sections": blocks_in(source.sections),
    }


def _reference(found: Sequence[Contestant], source: Source) -> Contestant:
    return next(each for each in found if each.source == 0 and each.row.name == source.reference)


def _row_name(each: Contestant, sources: Sequence[Source]) -> str:
    """Return a row's name; with several folders that of its folder before it, of folders of one name its path."""
    source, name = sources[each.source], in_one_line(each.row.name)
    if len(sources) == 1:
        return name
    alike = sum(other.name == source.name for other in sources) > 1
    folder = in_one_line(str(source.path) if alike else source.name)
    return folder if name == in_one_line(source.name) and len(source.rows) == 1 else f"{folder}: {name}"


def _predictions(found: Sequence[Contestant], sources: Sequence[Source]) -> list[list[Any] | None]:
    """Return each row's mean prediction over seeds, target by target; None beyond what a page holds.

    References come first, then the others in their order.
    """
    left = MOST_NUMBERS - sum(len(source.clips.ids) * _kept_targets(source) for source in sources)
    order = sorted(
        range(len(found)), key=lambda n: found[n].row.name != sources[found[n].source].reference
    )  # stable
    kept: dict[int, list[Any]] = {}
    for number in order:
        source, row = sources[found[number].source], found[number].row
        size = len(source.clips.ids) * _kept_targets(source)
        if size <= left or not kept:
            left -= size
            values = np.concatenate([fold.heads.mean(0) for fold in row.folds])
            kept[number] = [_numbers(column) for column in values.T[: _kept_targets(source)]]
    return [kept.get(number) for number in range(len(found))]


def _kept_targets(source: Source) -> int:
    """Return how many targets a page shows clip by clip: all, unless they are thousands."""
    return max(1, min(len(source.names), MOST_NUMBERS // (3 * max(1, len(source.clips.ids)))))


def _classes(source: Source, kept: int) -> list[str] | None:
    """Return the names of classes, where the targets are some and all are shown; None where they are not."""
    if kept < len(source.names) or len(source.names) > MOST_CLASSES or not is_one_hot(source.clips.truth):
        return None
    return _texts(short_names(source.names))


def _deviations(truth: FloatArray) -> FloatArray:
    """Return the standard deviation of each target's labels, NaN where it is 0 or there is none."""
    found = []
    for column in truth.T:
        known = column[np.isfinite(column)]
        deviation = float(known.std()) if len(known) else 0.0
        found.append(deviation if deviation > 0 else np.nan)
    return np.array(found)


def _groups_table(found: Sequence[Contestant], source: Source) -> dict[str, Any] | None:
    """Return every row's score within groups of clips, where there are several; None where there are not."""
    groups = np.array(
        [group or part for group, part in zip(source.clips.groups, source.clips.parts, strict=True)]
    )
    if not 1 < len(set(groups.tolist())) <= MOST_GROUPS:
        return None
    sizes = [len(fold.truth) for fold in source.rows[0].folds]
    ends = np.cumsum(sizes)
    each_fold = [groups[end - size : end].tolist() for end, size in zip(ends, sizes, strict=True)]
    rows = []
    for each in found:
        scores = group_scores(list(each.row.folds), each_fold, each.scores.metric)
        cells = [typeset(interval_text(one["estimate"], one["low"], one["high"])) for one in scores]
        rows.append([in_one_line(each.row.name), *cells])
    header = ["", *(f"{in_one_line(one['group'])} ({one['clips']})" for one in scores)]
    return {"header": header, "rows": rows, "note": WITHIN_GROUPS}


def _curve(title: str, curves: Curves) -> dict[str, Any]:
    runs = zip(curves.names, curves.values, curves.chosen, strict=True)
    return {
        "title": in_one_line(title),
        "own": curves.on_other_clips,
        "loss": in_one_line(curves.loss),
        "runs": [
            {"name": in_one_line(name), "values": _numbers(values), "epoch": int(epoch)}
            for name, values, epoch in runs
        ],
    }


def _texts(texts: Sequence[str]) -> list[str]:
    return [in_one_line(text) for text in texts]


def _numbers(values: FloatArray) -> list[float | None]:
    """Return numbers with five digits, which no picture shows more of; None for NaN and infinity."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]
