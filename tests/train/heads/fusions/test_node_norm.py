"""The batch norm of nodes is torch's, over the clips that count."""

from __future__ import annotations

import torch

from train.heads.fusions.node_norm import NodeNorm


def both(nodes=3):
    torch.manual_seed(0)
    ours, theirs = NodeNorm(nodes).double(), torch.nn.BatchNorm1d(nodes).double()
    with torch.no_grad():
        for one, two in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
            two.copy_(one.normal_())
    return ours, theirs


def test_with_every_clip_it_is_torchs():
    ours, theirs = both()
    everyone = torch.ones(5, 3, dtype=torch.bool)
    for _ in range(3):
        values = torch.randn(5, 3, 4).double()
        torch.testing.assert_close(ours(values, everyone), theirs(values))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_variance, theirs.running_var)
    torch.testing.assert_close(ours.eval()(values, everyone), theirs.eval()(values))


def test_clips_that_do_not_count_change_nothing():
    ours, theirs = both()
    values = torch.randn(6, 3, 4).double()
    counts = torch.ones(6, 3, dtype=torch.bool)
    counts[[1, 4]] = False
    found = ours(values, counts)
    torch.testing.assert_close(found[counts[:, 0]], theirs(values[counts[:, 0]]))
    torch.testing.assert_close(ours.running_variance, theirs.running_var)


def test_a_node_that_no_clip_has_takes_what_it_knows():
    ours, _ = both()
    values = torch.randn(2, 3, 4).double()
    counts = torch.tensor([[True, False, True]] * 2)
    found = ours(values, counts)
    expected = values[:, 1] / (1 + 1e-5) ** 0.5 * ours.weight[1] + ours.bias[1]
    torch.testing.assert_close(found[:, 1], expected)
    assert ours.running_mean[1] == 0
    assert ours.running_variance[1] == 1
    assert ours(values[:1], counts[:1]).isfinite().all()
