"""The graph against its equations, edge by edge."""

from __future__ import annotations

import numpy as np
import torch


def layer(values, linear):
    bias = 0 if linear.bias is None else linear.bias.detach().numpy()
    return values @ linear.weight.detach().numpy().T + bias


def normed(values, norm, channel):
    mean, variance, weight, bias = (
        each[channel].item() for each in (norm.running_mean, norm.running_variance, norm.weight, norm.bias)
    )
    return (values - mean) / np.sqrt(variance + 1e-5) * weight + bias


def one_round(nodes, edges, module):
    a, b, e = (module.of_edge[name] for name in "ABE")
    u, v = (module.of_node[name] for name in "UV")
    count, after = len(nodes), {}
    for (i, j), edge in edges.items():
        moved = layer(nodes[i], a) + layer(nodes[j], b) + layer(edge, e)
        after[i, j] = edge + np.maximum(normed(moved, module.norm_edges, i * count + j), 0)
    found = []
    for i in range(count):
        open_ = np.stack([1 / (1 + np.exp(-after[i, j])) for j in range(count)])
        shares = np.exp(open_) / np.exp(open_).sum(0)
        taken = np.mean([shares[j] * layer(nodes[j], v) for j in range(count)], axis=0)
        found.append(nodes[i] + np.maximum(normed(layer(nodes[i], u) + taken, module.norm_nodes, i), 0))
    return found, after


def test_messages_edge_by_edge(fusion, states, widths):
    module, given = fusion("graph"), states(widths, 4)
    module.train()
    module(states(widths, 20, seed=1))  # the running statistics are no longer 0 and 1
    module.eval()
    for clip in range(4):
        nodes = [
            layer(np.concatenate([each[clip].numpy() for each in state.vectors]), project)
            for state, project in zip(given, module.projections, strict=True)
        ]
        edges = {(i, j): module.edges[i, j].detach().numpy() for i in range(3) for j in range(3)}
        for each in module.layers:
            nodes, edges = one_round(nodes, edges, each)
        expected = layer(np.concatenate(nodes), module.out)
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-9)


def test_what_stands_in_moves_no_statistics(fusion, states, widths):
    given = states(widths, 6)
    present = torch.tensor([True, False, True, True, False, True])
    found = []
    for stand_in in (0.0, 50.0):
        module = fusion("graph").train()
        vectors = tuple(torch.where(present[:, None], each, stand_in) for each in given[1].vectors)
        given[1] = given[1]._replace(vectors=vectors, present=present)
        outputs = module(given)[present]
        found.append((outputs, module.layers[0].norm_nodes.running_mean[1].clone()))
    torch.testing.assert_close(*found, atol=1e-9, rtol=0)
