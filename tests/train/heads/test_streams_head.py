"""The head of several streams: one stream is a head of its cache, padding and absent clips touch nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from train.errors import ConfigError
from train.heads.head import HeadShape, new_head, require_tensors
from train.heads.registry import STREAM_FUSIONS
from train.heads.streams_head import StreamInput, StreamsShape, made, shape_in

AUDIO = HeadShape(width=8, targets=3, hidden=5, lstm_layers=1, standardise=True)
TEXT = HeadShape(width=4, targets=3, lstm=False)
BOTH = StreamsShape({"audio": AUDIO, "text": TEXT}, 3)


def given(shape, clips=4, seed=0, longest=9):
    drawn = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([longest, 3, 5, 1])[:clips]
    frames = torch.randn(clips, longest, shape.width, generator=drawn)
    for row, length in enumerate(lengths.tolist()):
        frames[row, length:] = 0
    means = torch.randn(clips, shape.width, generator=drawn)
    return StreamInput(frames if shape.lstm else None, lengths, means, torch.ones(clips, dtype=torch.bool))


def test_one_stream_is_the_head_of_its_cache():
    alone, named = new_head(AUDIO, 3), made(StreamsShape({"audio": AUDIO}, 3), 3)
    own = given(AUDIO)
    assert torch.equal(alone(*own[:3]), named({"audio": own}))
    tokens = sum(
        parameter.numel() for name, parameter in named.named_parameters() if name.startswith("token")
    )
    assert named.num_parameters() - tokens == alone.num_parameters()


def test_a_clip_alone_or_padded_gives_the_same():
    head, batch = made(BOTH, 0).eval(), {"audio": given(AUDIO), "text": given(TEXT)}
    whole = head(batch)
    for row, length in enumerate([9, 3, 5, 1]):
        alone = {
            name: StreamInput(
                None if own.frames is None else own.frames[row : row + 1, :length],
                own.lengths[row : row + 1],
                own.global_mean[row : row + 1],
                own.present[row : row + 1],
            )
            for name, own in batch.items()
        }
        assert torch.allclose(head(alone), whole[row : row + 1], atol=1e-6)


def test_absent_clips_get_the_token_and_touch_no_other_clip():
    head, batch = made(BOTH, 0).eval(), {"audio": given(AUDIO), "text": given(TEXT)}
    whole = head(batch)
    present = torch.tensor([True, False, True, True])
    some = {**batch, "text": batch["text"]._replace(present=present)}
    other = {**batch, "text": given(TEXT, seed=9)._replace(present=present)}
    found = head(some)
    assert torch.equal(found[present], whole[present])
    assert not torch.allclose(found[1], whole[1])
    assert torch.equal(found[1], head(other)[1]), "what lies at an absent clip says nothing"
    with torch.no_grad():
        head.get_parameter("token-text.vectors.0").copy_(batch["text"].global_mean[1])
    assert torch.allclose(head(some), whole, atol=1e-6), "the token stands in for the vector"


def test_the_order_of_the_batch_has_no_effect():
    head, batch = made(BOTH, 0), {"audio": given(AUDIO), "text": given(TEXT)}
    assert torch.equal(head(batch), head(dict(reversed(batch.items()))))
    with pytest.raises(ConfigError, match="takes the streams audio, text, the batch has audio"):
        head({"audio": batch["audio"]})


class _First(torch.nn.Module):
    """A fusion of streams that takes the frames of one, as a query, to see what reaches it."""

    needs_frames = True
    least = 2

    def __init__(self, streams, targets, dropout, *, query=None):
        super().__init__()
        assert dropout == 0.0
        self.streams, self.query = list(streams), query
        self.out = torch.nn.Linear(sum(each.frame for each in streams), targets)

    def forward(self, states):
        self.states = list(states)
        means = []
        for state in states:
            there = torch.arange(state.frames.shape[1]) < state.lengths[:, None]
            means.append((state.frames * there[:, :, None]).sum(1) / state.lengths[:, None])
        return self.out(torch.cat(means, 1))


def test_a_fusion_of_streams_gets_frames_and_one_frame_stands_in(monkeypatch):
    monkeypatch.setattr(STREAM_FUSIONS, "_entries", {"first": None})
    monkeypatch.setattr(STREAM_FUSIONS, "get", lambda _name: _First)
    head = made(replace(BOTH, fusion="first", query="text"), 0)
    assert head.fusion_head.query == "text"
    assert [(each.name, each.vectors, each.frame) for each in head.fusion_head.streams] == [
        ("audio", (8, 5), 8),
        ("text", (4,), 4),
    ]
    text = given(replace(TEXT, lstm=True))._replace(present=torch.tensor([True, False, True, True]))
    head({"audio": given(AUDIO), "text": text})
    state = head.fusion_head.states[1]
    assert state.lengths.tolist() == [9, 1, 5, 1]
    assert torch.equal(state.frames[1], torch.zeros(9, 4)), "the token is 0 before it has learned"
    assert torch.equal(state.frames[0], text.frames[0])


def test_a_shape_comes_back_and_tensors_are_those_of_it():
    assert shape_in(BOTH.to_dict()) == BOTH
    assert shape_in(AUDIO.to_dict()) == AUDIO
    tensors = made(BOTH, 0).state_dict()
    require_tensors(BOTH, tensors)
    with pytest.raises(ConfigError, match=r"tensor token-text\.vectors\.0: found none, expected \(4,\)"):
        require_tensors(
            BOTH, {name: each for name, each in tensors.items() if name != "token-text.vectors.0"}
        )
    wider = replace(BOTH, streams={**BOTH.streams, "text": replace(TEXT, width=5)})
    with pytest.raises(ConfigError, match="expected"):
        require_tensors(wider, tensors)


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ({}, "expected names in order"),
        ({"b": TEXT, "a": TEXT}, "names in order"),
        ({"a": replace(TEXT, targets=2)}, "2 targets"),
    ],
)
def test_shapes_that_are_none_are_refused(streams, said):
    with pytest.raises(ConfigError, match=said):
        StreamsShape(streams, 3)
