"""Statistics of the principal components of a clip's frames: how channels move together, and in which order.

The components are those of the clips that are trained on. A deviation of each channel alone cannot say that two
channels rise together; one of a component can. Means over the parts of a clip say in which order things happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.common.progress import OnProgress
from train.features.batches import BatchFeed, Features, say_nothing
from train.features.order import scoring_batches
from train.features.standardise import BATCH, Moments
from train.features.statistics import STATISTICS, for_each_clip, of_frames
from train.heads.components import Components

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
COMPONENTS = 20  # at most; fewer where frames are narrower
PARTS = 4  # of a clip, each as long as the others
VALUES = STATISTICS + PARTS  # of each component
MOST_CLIPS = 1000  # that the axes are taken from: more change them little, and cost width² a frame


def number_of_components(width: int) -> int:
    """Return how many components frames of some channels have."""
    return min(COMPONENTS, width)


def learn_components(components: Components, features: Features, positions: IntArray) -> None:
    """Give a head the principal axes of the frames of the clips at ``positions``.

    Source: eigenvectors of the correlation matrix, each turned so that its largest entry is positive.
    """
    if len(positions) > MOST_CLIPS:
        positions = positions[np.linspace(0, len(positions) - 1, MOST_CLIPS).round().astype(np.int64)]
    width = features.width
    total, products = torch.zeros(width, dtype=torch.float64), torch.zeros(width, width, dtype=torch.float64)
    count, shift = 0, None
    parts = scoring_batches(features.lengths[positions], BATCH)
    feed = BatchFeed(replace(features, frames=features.described), torch.device("cpu"))
    for _, batch in feed([positions[part] for part in parts]):
        assert batch.frames is not None  # noqa: S101 - there are frames
        frames = batch.frames[torch.arange(batch.frames.shape[1]) < batch.lengths[:, None]]
        shift = frames[0].double() if shift is None else shift  # large means would cancel otherwise
        moved = (frames.double() - shift).float()
        total += moved.sum(0, dtype=torch.float64)
        products += (moved.t() @ moved).double()
        count += len(moved)
    assert shift is not None  # noqa: S101 - there are clips
    moments = Moments.of(total, products.diagonal(), count, shift)
    components.mean.copy_(moments.mean)
    components.deviation.copy_(moments.deviation)
    components.axes.copy_(_axes(total / count, products / count, moments, components.axes.shape[1]))


def _axes(mean: Tensor, squares: Tensor, moments: Moments, wanted: int) -> Tensor:
    """Return (width, wanted) the first principal axes, from the mean and the second moments of moved frames."""
    deviation = moments.deviation.double()
    correlation = (squares - mean[:, None] * mean) / (deviation[:, None] * deviation)
    axes = torch.linalg.eigh(correlation).eigenvectors.flip(1)[:, :wanted]
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    turned: Tensor = axes * torch.where(largest < 0, -1.0, 1.0)
    return turned.float()


def with_components(
    features: Features, components: Components, on_progress: OnProgress = say_nothing
) -> Features:
    """Return features whose clip vectors go on with what the components of their frames are like.

    Of each component the statistics that a channel has, then its mean over each part of the clip.
    """
    assert features.described is not None  # noqa: S101 - asked for
    assert features.global_mean is not None  # noqa: S101 - asked for
    widths = (features.width, VALUES * components.axes.shape[1])
    of_clip = of_components(components)
    found = for_each_clip(features.described, features.lengths, widths, of_clip, on_progress)
    return replace(features, global_mean=torch.cat([features.global_mean, torch.from_numpy(found)], dim=1))


def of_components(components: Components) -> Callable[[npt.NDArray[np.generic]], Float32Array]:
    """Return what turns a clip's frames (frames, width) into (``VALUES`` · components,) of its components."""
    mean, deviation, axes = (
        getattr(components, name).cpu().numpy() for name in ("mean", "deviation", "axes")
    )

    def of_clip(frames: npt.NDArray[np.generic]) -> Float32Array:
        turned = ((np.asarray(frames, dtype=np.float32) - mean) / deviation) @ axes
        return np.concatenate([of_frames(turned), means_of_parts(turned).ravel()])

    return of_clip


def means_of_parts(frames: Float32Array) -> Float32Array:
    """Return (``PARTS``, width): the mean of each part; a part of a very short clip is the frame where it lies."""
    ends = np.linspace(0, len(frames), PARTS + 1).round().astype(int)
    return np.stack(
        [frames[min(start, len(frames) - 1) : max(end, start + 1)].mean(0) for start, end in pairwise(ends)]
    )
