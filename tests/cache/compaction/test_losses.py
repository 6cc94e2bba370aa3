"""What the laptop cache loses: by pooling, projection and rounding, on fitted and on held-out clips apart."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from cache.compaction.compact import compact
from cache.compaction.losses import ANY, FITTED, HELD_OUT, REFITTED, as_lines, measure_losses
from cache.compaction.options import CompactOptions
from cache.compaction.projection import Projection

FIELD = "hidden_states/12"
IDS = [f"{n:02}" for n in range(20)]


def losses_of(full, small):
    with CacheReader(full) as source, CacheReader(small) as made:
        return {
            (loss.field, loss.kind): loss for loss in measure_losses(source, made, Projection.load(small))
        }


def relative(some: list[np.ndarray], others: list[np.ndarray], of: list[np.ndarray]) -> float:
    lost = [a - b for a, b in zip(some, others, strict=True)]
    return np.linalg.norm(np.concatenate(lost)) / np.linalg.norm(np.concatenate(of))


def test_the_losses_are_those_of_each_step_on_each_kind_of_clips(full, small) -> None:
    losses, source, made = losses_of(full, small), CacheReader(full), CacheReader(small)
    axes = Projection.load(small).axes[FIELD]
    assert losses.keys() == {(FIELD, FITTED), (FIELD, HELD_OUT), ("vad", ANY)}
    for kind, ids in ((FITTED, IDS[:10]), (HELD_OUT, IDS[10:])):
        frames = [source.read_frames(clip_id, FIELD).astype(np.float64) for clip_id in ids]
        pooled = [np.stack([x[at : at + 5].mean(axis=0) for at in range(0, len(x), 5)]) for x in frames]
        spread = [np.repeat(p, 5, axis=0)[: len(x)] for p, x in zip(pooled, frames, strict=True)]
        kept = [(p - axes.mean) @ axes.basis for p in pooled]
        back = [values @ axes.basis.T + axes.mean for values in kept]
        stored = [made.read_values(clip_id, FIELD) for clip_id in ids]
        loss = losses[FIELD, kind]
        assert loss.clips == 10
        assert loss.pooling == pytest.approx(relative(frames, spread, frames), rel=1e-4)
        assert loss.projection == pytest.approx(relative(pooled, back, pooled), rel=1e-3)
        assert loss.rounding == pytest.approx(relative(kept, stored, pooled), rel=1e-2)
        assert loss.total == pytest.approx(np.hypot(loss.projection, loss.rounding), rel=0.02)


def test_few_fitted_clips_look_better_than_the_others(full, tmp_path) -> None:
    compact(full, tmp_path / "c", CompactOptions(pool=5, project=17), fit_on=IDS[:3])
    losses = losses_of(full, tmp_path / "c")
    fitted, held_out = losses[FIELD, FITTED], losses[FIELD, HELD_OUT]
    assert (fitted.clips, held_out.clips) == (3, 17)
    assert held_out.projection > 1.3 * fitted.projection
    text = "\n".join(as_lines(list(losses.values())))
    assert f"{FIELD}, 3 fitted clips: relative L2 {fitted.total:.4f}" in text
    assert f"{FIELD}, 17 held-out clips: relative L2 {held_out.total:.4f}" in text
    assert f"pooling before that {held_out.pooling:.4f} of the frames" in text


def test_fitted_on_every_clip_the_axes_are_fitted_again_without_some(full, tmp_path) -> None:
    compact(full, tmp_path / "c", CompactOptions(pool=5, project=17))
    losses = losses_of(full, tmp_path / "c")
    assert (losses[FIELD, FITTED].clips, losses[FIELD, REFITTED].clips) == (20, 4)
    assert losses[FIELD, REFITTED].projection > losses[FIELD, FITTED].projection
    assert "4 held-out clips (axes fitted again without them): " in "\n".join(as_lines(list(losses.values())))


def test_too_few_clips_to_hold_any_out_are_said_to_be_too_few(write_source, tmp_path) -> None:
    write_source(tmp_path / "full", IDS[:3])
    compact(tmp_path / "full", tmp_path / "c", CompactOptions(pool=5, project=8))
    losses = losses_of(tmp_path / "full", tmp_path / "c")
    assert losses.keys() == {(FIELD, FITTED), ("vad", ANY)}
    assert list(as_lines(list(losses.values())))[-1].startswith("    too few clips to hold any out")
    compact(tmp_path / "full", tmp_path / "plain", CompactOptions(pool=5, project=0))
    losses = losses_of(tmp_path / "full", tmp_path / "plain")
    assert losses.keys() == {(FIELD, ANY), ("vad", ANY)}
    assert "too few" not in "\n".join(as_lines(list(losses.values())))
