"""Text encoders of several layouts with random weights and small tokenizers of their own kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLES = [
    "Hello there, how are you? I am fine and you are fine too.",
    "one two three four five six seven eight nine zero",
    "مرحبا بالعالم שלום עולם 你好世界 😀🎉",
    "The quick brown fox jumps over the lazy dog; nobody laughed at all!",
]


def _tokenizer(kind: str):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    if kind == "bert":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False)
        begin, end, pad = "[CLS]", "[SEP]", "[PAD]"
    elif kind == "xlm-roberta":
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        trainer = trainers.UnigramTrainer(
            vocab_size=160, special_tokens=special, unk_token="<unk>", show_progress=False
        )
        begin, end, pad = "<s>", "</s>", "<pad>"
    else:  # roberta, modernbert: bytes
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        begin, end, pad = "<s>", "</s>", "<pad>"
    made.train_from_iterator(SAMPLES, trainer)
    pairs = [(token, made.token_to_id(token)) for token in (begin, end)]
    made.post_processor = processors.TemplateProcessing(single=f"{begin} $A {end}", special_tokens=pairs)
    return made, begin, end, pad


@pytest.fixture(scope="session")
def text_model(tmp_path_factory) -> Callable[..., Path]:
    """Make a small encoder of a layout, once a session: bert, roberta, xlm-roberta or modernbert."""
    made: dict[str, Path] = {}

    def make(kind: str = "bert", places: int = 64) -> Path:
        if f"{kind}-{places}" not in made:
            made[f"{kind}-{places}"] = _make(kind, places, tmp_path_factory.mktemp(kind))
        return made[f"{kind}-{places}"]

    return make


def _make(kind: str, places: int, folder: Path) -> Path:
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer, begin, end, pad = _tokenizer(kind)
    unknown = "[UNK]" if kind == "bert" else "<unk>"
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token=begin, sep_token=end, pad_token=pad, unk_token=unknown
    )
    wrapped.save_pretrained(folder)
    sizes = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 3,
        "num_attention_heads": 4, "intermediate_size": 48, "pad_token_id": tokenizer.token_to_id(pad),
        "bos_token_id": tokenizer.token_to_id(begin), "eos_token_id": tokenizer.token_to_id(end),
        "cls_token_id": tokenizer.token_to_id(begin), "sep_token_id": tokenizer.token_to_id(end),
        "max_position_embeddings": places + (2 if "roberta" in kind else 0),
    }  # fmt: skip
    classes = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "modernbert": "ModernBert"}
    torch.manual_seed(0)
    config = getattr(transformers, classes[kind] + "Config")(**sizes)
    getattr(transformers, classes[kind] + "Model")(config).eval().save_pretrained(folder)
    return folder
