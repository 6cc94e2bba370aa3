"""What holds for every fusion of streams: clips do not mix, padding has no effect, gradients are right."""

from __future__ import annotations

import inspect

import pytest
import torch

from train.errors import ConfigError
from train.heads.fusions.fusion import place_of_query
from train.heads.registry import STREAM_FUSIONS

NEED_FRAMES = {"query", "joint", "m2f"}
NAMES = list(STREAM_FUSIONS)


def of_clips(states, clips):
    """The states of some of the clips, without padding that none of them needs."""
    found = []
    for state in states:
        lengths = state.lengths[clips]
        vectors = tuple(vector[clips] for vector in state.vectors)
        found.append(
            state._replace(
                vectors=vectors,
                frames=state.frames[clips][:, : lengths.max()],
                lengths=lengths,
                present=state.present[clips],
            )
        )
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_is_the_same_alone_and_in_any_batch(name, fusion, states, widths):
    module, given = fusion(name).eval(), states(widths, 7)
    together = module(given)
    assert together.shape == (7, 3)
    for clip in range(7):
        torch.testing.assert_close(module(of_clips(given, [clip]))[0], together[clip], atol=1e-9, rtol=0)
    some = [5, 2, 0]
    torch.testing.assert_close(module(of_clips(given, some)), together[some], atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_stream_leaves_the_other_clips_alone(name, fusion, states, widths):
    module, given = fusion(name).eval(), states(widths, 6)
    before = module(given)
    absent = torch.tensor([True, False, False, True, False, False])
    stand_in = states(widths, 1, seed=5)[1]
    face = given[1]
    vectors = tuple(
        torch.where(absent[:, None], one, each)
        for one, each in zip(stand_in.vectors, face.vectors, strict=True)
    )
    frames = torch.where(absent[:, None, None], stand_in.frames[:, :1], face.frames)
    given[1] = face._replace(
        vectors=vectors, frames=frames, lengths=face.lengths.where(~absent, 1), present=~absent
    )
    after = module(given)
    torch.testing.assert_close(after[~absent], before[~absent], atol=0, rtol=0)
    assert (after[absent] - before[absent]).abs().max() > 0


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_vectors_and_frames(name, training, fusion, states, widths):
    module, given = fusion(name, widths[::2]), states(widths[::2], 2)
    module.train(training and name != "query")  # it has dropout of its own
    module.requires_grad_(False)
    leaves = [each.requires_grad_() for state in given for each in (*state.vectors, state.frames)]

    def run(*_leaves):
        return module(given)

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_its_own_values(name, fusion, states, widths):
    module, given = fusion(name, widths[::2]).eval(), states(widths[::2], 2)
    names, values = zip(*module.named_parameters(), strict=True)

    def run(*found):
        return torch.func.functional_call(module, dict(zip(names, found, strict=True)), (given,))

    assert torch.autograd.gradcheck(run, values, fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_one_clip_can_be_trained_on_and_every_value_learns(name, fusion, states, widths):
    module = fusion(name).train()
    module(states(widths, 1)).square().sum().backward()
    silent = [key for key, each in module.named_parameters() if each.grad is None]
    assert silent == []
    assert all(each.grad.isfinite().all() for each in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_in_bfloat16_it_says_much_the_same(name, fusion, states, widths):
    module = fusion(name).float().eval()
    given = [
        state._replace(vectors=tuple(each.float() for each in state.vectors), frames=state.frames.float())
        for state in states(widths, 3)
    ]
    expected = module(given)
    with torch.autocast("cpu", torch.bfloat16):
        found = module(given)
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_no_head_is_large(name, fusion, widths):
    wide = [each._replace(vectors=(1027, 512), frame=1027) for each in widths]
    assert sum(each.numel() for each in fusion(name, wide, 6).parameters() if name != "late") < 6e6


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short_and_says_where_it_comes_from(name):
    made = STREAM_FUSIONS.get(name)
    assert len(inspect.getsource(made).splitlines()) <= 60
    assert "Source: " in " ".join(made.__doc__.split())
    assert made.needs_frames == (name in NEED_FRAMES)
    assert made.apart == (name == "late")


@pytest.mark.parametrize("name", NAMES)
def test_one_stream_is_refused(name, fusion, widths):
    with pytest.raises(ConfigError, match=r"found 1 \(audio\), expected (at least 2|2 to 8); choose another"):
        fusion(name, widths[:1])


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_hands_on_too_little_is_named(name, fusion, widths):
    frameless = [widths[0]._replace(vectors=(), frame=0), *widths[1:]]
    with pytest.raises(
        ConfigError, match=rf"stream audio: hands on no (vector|frame), .* fusion {name} takes"
    ):
        fusion(name, frameless)


def test_text_asks_unless_another_stream_is_named(widths):
    assert place_of_query(widths, None) == 2
    assert place_of_query(widths[:2], None) == 0
    assert place_of_query(widths, "face") == 1
    with pytest.raises(
        ConfigError, match="query: found 'voice', expected one of the streams: audio, face, text"
    ):
        place_of_query(widths, "voice")
