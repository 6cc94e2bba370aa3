"""The method's temporal model reads torch's LSTM at each clip's last valid frame."""

from __future__ import annotations

import torch

from train.heads.temporal.lstm import LastOutputLSTM


def test_it_reads_the_last_valid_frame():
    model = LastOutputLSTM(3, 5, 2)
    frames, lengths = torch.randn(2, 6, 3), torch.tensor([6, 2])
    outputs = model(frames)[0]
    torch.testing.assert_close(
        model.summarise(frames, lengths), torch.stack([outputs[0, 5], outputs[1, 1]]), atol=0, rtol=0
    )
    assert model.output_width == 5
