"""The LSTM in each direction equals torch's on a clip alone."""

from __future__ import annotations

import torch
from torch import nn

from train.heads.temporal.bilstm import TwoWayLSTM


def test_the_two_way_lstm_equals_torchs_on_a_clip_alone():
    model = TwoWayLSTM(4, 3, 2).double()
    reference = nn.LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for layer in range(2):
            for part, suffix in (
                (model.forward_layers[layer], ""),
                (model.backward_layers[layer], "_reverse"),
            ):
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(reference, f"{kind}_l{layer}{suffix}").copy_(getattr(part, f"{kind}_l0"))
    frames = torch.randn(1, 7, 4, dtype=torch.float64)
    outputs = reference(frames)[0][0]
    expected = torch.cat([outputs[-1, :3], outputs[0, 3:]])
    torch.testing.assert_close(model.summarise(frames, torch.tensor([7]))[0], expected)
