"""A transcript becomes tokens with the times of their words; a text too long for the encoder becomes windows."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.errors import EncoderError
from extract.transcripts.timing import TimedText, Unit, timed
from extract.transcripts.transcript import Transcript

LONGEST = 8192  # tokens that are read at once, however many an encoder says it takes
SHORTEST = 8  # tokens that an encoder must take: some of them are special ones
MOST_TOKENS = 1 << 24  # the library lists all numbers up to the highest: of 2^31 ones, 8 GB
OVERLAP = 8  # a window shares this part of its length, an eighth, with the next


@dataclass(frozen=True)
class Window:
    """What the encoder sees at once.

    Attributes:
        ids: numbers of its tokens, the special ones too.
        first: the first token that is kept.
        stop: one after the last that is.
    """

    ids: tuple[int, ...]
    first: int
    stop: int


@dataclass(frozen=True)
class Tokens:
    """A transcript as the encoder sees it.

    Attributes:
        windows: one, or several where the text is too long.
        times: (tokens, 2) float32, start and end of each token's word [s].
        timed: when the words were said.
    """

    windows: tuple[Window, ...]
    times: NDArray[np.float32]
    timed: TimedText

    @property
    def num_tokens(self) -> int:
        """Tokens that become frames."""
        return len(self.times)


class TextTokenizer:
    """A tokenizer of transformers, for transcripts.

    Frames are what the encoder sees, in its order: the tokens of the text, its special ones (``[CLS]``, ``</s>``)
    and those of a prefix too, so that the mean of the frames is the mean that embeddings such as e5's are.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], prefix: str, max_tokens: int | None) -> None:
        """Load it.

        Raises:
            EncoderError: it cannot be loaded, or numbers its tokens beyond reason.
        """
        from transformers import (
            PreTrainedTokenizerFast,  # what tokenizer.json says, without any code beside it
        )
        from transformers.utils import logging

        logging.set_verbosity_error()
        try:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # tokenizers raises Exception itself
            reason = " ".join(str(error).split())[:200]
            raise EncoderError(f"{folder}: its tokenizer cannot be loaded ({reason})") from None
        highest = max(tokenizer.get_vocab().values(), default=0)
        if highest > MOST_TOKENS:
            raise EncoderError(
                f"{folder}: its tokenizer numbers a token {highest}, expected at most {MOST_TOKENS}; get it again"
            )
        tokenizer.truncation_side = "right"
        self._tokenizer, self._prefix = tokenizer, prefix
        self.pad = int(tokenizer.pad_token_id or 0)
        longest = tokenizer.model_max_length
        takes = int(
            min(_positions(config), LONGEST, longest if isinstance(longest, int | float) else LONGEST)
        )
        if takes < SHORTEST:
            raise EncoderError(f"{folder}: takes {takes} tokens at once, expected at least {SHORTEST}")
        if max_tokens is not None and max_tokens > takes:
            raise EncoderError(f"--max-tokens {max_tokens}: this encoder takes {takes}")
        self.max_tokens = max_tokens or takes

    def sha256(self) -> str:
        """Return a hash of all that the tokenizer does."""
        backend = self._tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        return hashlib.sha256(backend.to_str().encode()).hexdigest()

    def tokens(self, transcript: Transcript) -> Tokens:
        """Return the tokens of a transcript that has some text.

        Raises:
            EncoderError: the tokenizer cannot read it.
        """
        text, lead = self._prefix + transcript.text, len(self._prefix)
        stride = self.max_tokens // OVERLAP
        try:
            coded = self._tokenizer(
                text,
                truncation=True,
                max_length=self.max_tokens,
                stride=stride,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
                verbose=False,
            )
        except Exception as error:  # as above
            reason = " ".join(str(error).split())[:200]
            raise EncoderError(
                f"the tokenizer fails on the transcript of {transcript.clip_id} ({reason}); get the encoder again"
            ) from None
        masks = coded["special_tokens_mask"]
        windows = [
            _window(ids, mask, stride, number, len(masks))
            for number, (ids, mask) in enumerate(zip(coded["input_ids"], masks, strict=True))
        ]
        known = timed(transcript)
        rows = [
            (None if mask[at] else (places[at][0] - lead, places[at][1] - lead))
            for window, places, mask in zip(windows, coded["offset_mapping"], masks, strict=True)
            for at in range(window.first, window.stop)
        ]
        return Tokens(tuple(windows), _times(rows, known.units), known)


def _positions(config: Mapping[str, Any]) -> int:
    """Return how many tokens an encoder has places for; RoBERTa and its kin count from behind the padding."""
    places = config.get("max_position_embeddings")
    if not isinstance(places, int) or places < 1:
        return LONGEST
    kind = str(config.get("model_type"))
    shift = "roberta" in kind or kind in {"camembert", "mpnet", "longformer"}
    pad = config.get("pad_token_id") or 1
    return places - ((pad if isinstance(pad, int) else 1) + 1 if shift else 0)


def _window(ids: Sequence[int], mask: Sequence[int], stride: int, number: int, count: int) -> Window:
    """Return a window; of the tokens that two windows share, each keeps the half that is its own."""
    lead = next((i for i, special in enumerate(mask) if not special), len(mask))
    tail = next((i for i, special in enumerate(reversed(mask)) if not special), 0)
    first = lead + stride - stride // 2 if number else 0
    stop = len(ids) if number == count - 1 else len(ids) - tail - stride // 2
    return Window(tuple(ids), first, stop)


def _times(places: Sequence[tuple[int, int] | None], units: Sequence[Unit]) -> NDArray[np.float32]:
    """Return start and end of each token's word; special tokens and a prefix stand at the edges of the text.

    Args:
        places: of each token in the text [characters], before it those of a prefix; None for special ones.
        units: the words of the text, at least one.
    """
    times = np.empty((len(places), 2), np.float32)
    stops = [unit.stop for unit in units]
    is_lead = True
    for row, place in enumerate(places):
        is_lead = is_lead and (place is None or place[1] <= units[0].begin)
        if is_lead:
            times[row] = units[0].start
        elif place is None:
            times[row] = units[-1].end
        else:
            unit = _unit_at(place, units, stops)
            times[row] = unit.start, unit.end
    return times


def _unit_at(place: tuple[int, int], units: Sequence[Unit], stops: Sequence[int]) -> Unit:
    """Return the word that a token shares most characters with; the next one where it stands between two."""
    at = min(bisect_right(stops, place[0]), len(units) - 1)
    return max(units[at : at + 2], key=lambda unit: min(unit.stop, place[1]) - max(unit.begin, place[0]))
