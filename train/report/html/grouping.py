"""Clips of a page by groups: a column of the labels, the speaker, or the duration, as ``evaluate`` has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cache.common.words import counted
from train.errors import LabelError, RunError
from train.labels.columns import specs_of
from train.labels.coverage import opened
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels
from train.labels.tables import listed
from train.report.html.source import Source
from train.scores.groups import UNKNOWN, group_of_clips


def grouped(source: Source, by: str) -> Source:
    """Return a folder with the group of each clip; its label table is read from where it was.

    Args:
        source: to be shown.
        by: "speaker", "duration", or a column of the label table.

    Raises:
        LabelError: if the table has no such column, lacks a clip, or has moved.
        RunError: if the folder does not say where its labels were.
    """
    clips = source.clips
    if by == "speaker":
        return replace(source, clips=replace(clips, groups=tuple(who or UNKNOWN for who in clips.speakers)))
    inputs = source.inputs
    if not inputs.get("cache") or not any(inputs.get(name) for name in ("train", "labels")):
        raise RunError(
            f"{source.path}: does not say which labels it was fitted from, so that nothing can be --by {by}"
        )
    asked = specs_of(source.names, inputs.get("targets") or ())
    labels = read_all_labels(LabelFiles.from_dict({**inputs, "targets": asked}))
    at = {clip_id: place for place, clip_id in enumerate(labels.clip_ids)}
    missing = [clip_id for clip_id in clips.ids if clip_id not in at]
    if missing:
        raise LabelError(
            f"{labels.path}: lacks {counted(len(missing), 'clip')} that {source.path} reports on "
            f"({listed(missing)}), so that not all have a group; restore the table, or leave --by {by} out"
        )
    labels = labels.take([at[clip_id] for clip_id in clips.ids])
    with opened(Path(str(inputs["cache"]))) as reader:
        return replace(source, clips=replace(clips, groups=group_of_clips(labels, reader, by)))
