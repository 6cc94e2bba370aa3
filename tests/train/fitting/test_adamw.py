"""AdamW gives torch's weights."""

from __future__ import annotations

import torch

from train.fitting.adamw import AdamW
from train.heads.head import HeadShape, new_head


def test_adamw_equals_torchs():
    one, two = (new_head(HeadShape(width=4, targets=2, hidden=3), 0) for _ in range(2))
    ours, theirs = AdamW(one, weight_decay=0.01), torch.optim.AdamW(two.parameters(), weight_decay=0.01)
    for step in range(5):
        batch = torch.randn(3, 6, 4), torch.tensor([6, 3, 1]), torch.randn(3, 4)
        for head in (one, two):
            head.zero_grad()
            head(*batch).square().sum().backward()
        rate = 1e-2 / (step + 1)
        ours.step(rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
    for mine, reference in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-6, rtol=1e-5)
