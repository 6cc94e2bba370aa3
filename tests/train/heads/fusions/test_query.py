"""The query fusion against its equations, clip by clip and head by head."""

from __future__ import annotations

import math

import numpy as np
import torch

from train.heads.registry import STREAM_FUSIONS


def layer(values, linear):
    return values @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


def normed(values, norm):
    moved = (values - values.mean(-1, keepdims=True)) / np.sqrt(values.var(-1, keepdims=True) + norm.eps)
    return moved * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def found_in(ask, query, frames):
    asked, keys = (
        normed(layer(query, ask.query), ask.norm_query),
        normed(layer(frames, ask.key), ask.norm_key),
    )
    values, parts = layer(frames, ask.value), []
    for head in range(4):
        of = slice(128 * head, 128 * head + 128)
        scores = np.exp(keys[:, of] @ asked[of] / math.sqrt(128))
        parts.append(scores / scores.sum() @ values[:, of])
    return layer(np.concatenate(parts), ask.out)


def test_text_asks_audio_and_face(fusion, states, widths):
    module, given = fusion("query").eval(), states(widths, 4)
    with torch.no_grad():
        for norm in [each for each in module.modules() if isinstance(each, torch.nn.LayerNorm)]:
            norm.weight.normal_()
    gelu = np.vectorize(lambda value: value * (1 + math.erf(value / math.sqrt(2))) / 2)
    for clip in range(4):
        query = np.concatenate([each[clip].numpy() for each in given[2].vectors])
        parts = [
            found_in(ask, query, state.frames[clip, : state.lengths[clip]].numpy())
            for ask, state in zip(module.asked, given[:2], strict=True)
        ]
        expected = layer(gelu(layer(np.concatenate([query, *parts]), module.out[0])), module.out[3])
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-9)


def test_another_stream_can_ask(states, widths):
    module = STREAM_FUSIONS.get("query")(widths, 3, 0.0, query="audio").double().eval()
    given = states(widths, 3)
    before = module(given)
    given[2] = given[2]._replace(vectors=tuple(each + 1 for each in given[2].vectors))
    torch.testing.assert_close(module(given), before, atol=0, rtol=0)  # text gives its frames alone
