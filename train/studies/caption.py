"""Caption of an ablation's table: caches, widths, selection, learning rates that its numbers rest on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cache import CacheReader
from cache.common.words import counted
from train.streams.stream_set import Source, readers_of
from train.studies.grid import Row
from train.studies.parts import Parts


def caption(
    readers: Iterable[Source],
    clips: int,
    rows: Sequence[Row],
    seeds: int,
    tried: Sequence[float] = (),
    parts: Parts | None = None,
) -> str:
    """Say what the numbers of an ablation rest on: caches, widths, selection, learning rates, frozen encoder.

    Args:
        readers: the caches.
        clips: validation clips.
        rows: as they were fitted.
        seeds: how many.
        tried: learning rates that each row's was chosen from; none if it was not tuned.
        parts: folds that the mean is over; None or a single one for a plain split.
    """
    metric = rows[0].config.metric
    sides = [(name, _cache_line(each)) for reader in readers for name, each in readers_of(reader).items()]
    streams = dict.fromkeys(f"{name}: {line}" for name, line in sides if name)  # rows of some name them again
    caches = "; ".join([*(line for name, line in sides if not name), *streams])
    hidden = sorted({each for row in rows for each in _units(row)})
    units = f"hidden {', '.join(hidden)}; " if hidden else ""
    chosen = {
        "inner": f"epoch chosen by {metric} on an inner part of the training clips",
        "valid": "epoch selected on valid, so that the scores are too high",
        "last": "last epoch",
    }
    epochs = ", ".join(map(str, sorted({row.config.epochs for row in rows})))
    selection = "; ".join(chosen[each] for each in sorted({row.config.select for row in rows}))
    folds = parts is not None and parts.are_folds
    return (
        f"{mean_text(metric, clips, parts)}, {counted(seeds, 'seed')}. Cache: {caches}. "
        f"Frozen encoder; {units}{epochs} epochs; {selection}; "
        f"{_rates(rows, tried, folds)}."
    )


def mean_text(metric: str, clips: int, parts: Parts | None = None) -> str:
    """Return "Mean pearson on 30 validation clips"; of folds, over how many and how they were divided."""
    if parts is None or not parts.are_folds:
        return f"Mean {metric} on {counted(clips, 'validation clip')}"
    folds = f"{len(parts.all)} folds, divided {parts.divided}"
    return f"Mean {metric} over {folds}; {counted(clips, 'clip')}"


def _units(row: Row) -> set[str]:
    """Return the units of a row's temporal models, of each stream that has its own; none without any."""
    every = [row.config, *(row.config.of_stream(name) for name in row.config.streams)]
    return {str(each.hidden or "input width") for each in every if each.lstm}


def _rates(rows: Sequence[Row], tried: Sequence[float], folds: bool) -> str:
    used = f"lr {', '.join(f'{rate:g}' for rate in sorted({row.config.lr for row in rows}))}"
    if not tried:
        return used
    each = "each row and fold" if folds else "each row"
    return f"{used}, chosen for {each} on that part from {', '.join(f'{rate:g}' for rate in tried)}"


def _cache_line(reader: CacheReader) -> str:
    widths = ", ".join(f"{name} {field.width}" for name, field in reader.frame_fields.items())
    shift = next(iter(reader.frame_fields.values())).frame_shift
    return f"{reader.path.name} ({reader.recipe_id[:8]}, {widths}, frame shift {shift:g} s)"
