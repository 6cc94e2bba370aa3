"""First steps of a head with ``layer = "weighted"``: all cached layers become one, by weights that are learned."""

from __future__ import annotations

import torch
from torch import Tensor


def layer_sum(values: Tensor, weights: Tensor, width: int) -> Tensor:
    """Return Σ softmax(weights)ₗ · layerₗ, beside it what is of no layer.

    Source: Yang et al., "SUPERB: Speech processing Universal PERformance Benchmark", arXiv 2105.01051.

    Args:
        values: (…, layers · width + others), layer after layer.
        weights: (layers,) before the softmax.
        width: channels of a layer.

    Returns:
        (…, width + others).
    """
    many = len(weights) * width
    layers = values[..., :many].unflatten(-1, (len(weights), width))  # type: ignore[no-untyped-call]
    summed = torch.einsum("...lc,l->...c", layers, weights.softmax(0))
    return torch.cat([summed, values[..., many:].to(summed.dtype)], dim=-1)


def layer_shares(weights: Tensor, layers: tuple[int, ...]) -> dict[str, float]:
    """Return what each layer's share of the sum is, by the layer's number."""
    shares = weights.detach().double().softmax(0).tolist()
    return {str(layer): share for layer, share in zip(layers, shares, strict=True)}
