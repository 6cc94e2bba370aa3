"""Token frames equal transformers' own, alone or in a batch, for every layout; no weight is left to chance."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from extract.errors import EncoderError
from extract.text.describe import describe
from extract.text.options import TextOptions
from extract.transcripts.transcript import Transcript

KINDS = ("bert", "roberta", "xlm-roberta", "modernbert")
TEXTS = (
    "Hello there, how are you?",
    "مرحبا بالعالم",
    "😀🎉 one two",
    "zero",
    "The quick brown fox jumps over all",
)


def plain(folder, text: str) -> list[np.ndarray]:
    """Return every layer of transformers' own forward of one text, the last first."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        out = model(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False),
                    output_hidden_states=True)  # fmt: skip
    return [out.last_hidden_state[0].numpy(), *(state[0].numpy() for state in out.hidden_states)]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_those_of_transformers_alone_and_in_a_batch(text_model, kind) -> None:
    folder = text_model(kind)
    model = describe(TextOptions(folder, layers="1,last", device="cpu"), "by hand")
    encoder = model.load()
    tokens = [model.tokenizer.tokens(Transcript(str(n), text)) for n, text in enumerate(TEXTS)]
    together = encoder.encode(tokens)
    for text, one, some in zip(TEXTS, tokens, together, strict=True):
        last, _, first, *_ = plain(folder, text)
        (alone,) = encoder.encode([one])
        for found in (alone, some):
            assert np.abs(found.frames["hidden_states/3"] - last).max() <= 1e-5
            assert np.abs(found.frames["hidden_states/1"] - first).max() <= 1e-5
            assert np.abs(found.clip["cls"] - last[0]).max() <= 1e-5
            assert np.abs(found.global_mean["hidden_states/3"] - last.mean(axis=0)).max() <= 1e-5
        assert found.frames["times"].shape == (len(last), 2)


def test_an_e5_embedding_is_the_global_mean(text_model) -> None:
    folder = text_model("xlm-roberta")
    model = describe(TextOptions(folder, prefix="query: ", device="cpu"), "by hand")
    (encoded,) = model.load().encode([model.tokenizer.tokens(Transcript("a", "how are you"))])
    last, *_ = plain(folder, "query: how are you")
    assert np.abs(encoded.global_mean["hidden_states/3"] - last.mean(axis=0)).max() <= 1e-5


def test_a_long_text_is_read_in_windows_and_marked(text_model) -> None:
    model = describe(TextOptions(text_model("roberta"), device="cpu"), "by hand")
    tokens = model.tokenizer.tokens(Transcript("a", "one two three four " * 60))
    (encoded,) = model.load().encode([tokens])
    assert encoded.windowed
    assert len(tokens.windows) > 2
    assert len(encoded.frames["hidden_states/3"]) == tokens.num_tokens == len(encoded.frames["times"])


@pytest.mark.parametrize("fault", ["missing", "misshapen", "infinite", "unexpected"])
def test_no_weight_is_left_to_chance(text_model, tmp_path, fault) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    if fault == "missing":
        del weights[name]
    elif fault == "misshapen":
        weights[name] = weights[name][:, :5].contiguous()
    elif fault == "unexpected":
        weights[name.replace("layer.1", "layer.9")] = weights[name].clone()
    else:
        weights[name][0, 0] = float("inf")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"encoder\.layer\.[19]\.output\.dense"):
        describe(TextOptions(folder, device="cpu"), "by hand").load()


def test_a_checkpoint_without_pooler_will_do(text_model, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    model = describe(TextOptions(folder, device="cpu"), "by hand")
    assert model.load() is not None
    assert model.fields[0].name.startswith("hidden_states/")


def test_code_of_its_own_is_never_run(text_model, tmp_path) -> None:
    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.C", "AutoModel": "code.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('ran')")
    with pytest.raises(EncoderError, match="code of their own"):
        describe(TextOptions(folder, device="cpu"), "by hand").load()


def test_an_encoder_with_a_decoder_is_refused(text_model, tmp_path) -> None:
    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"is_encoder_decoder": True}))
    with pytest.raises(EncoderError, match="decoder"):
        describe(TextOptions(folder, device="cpu"), "by hand")


def changed(folder, target, **settings):
    """Copy an encoder with other settings."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | settings))
    return target


@pytest.mark.parametrize(
    "settings",
    [
        {"vocab_size": "x"}, {"num_hidden_layers": True}, {"num_attention_heads": 0}, {"hidden_act": ["a"]},
        {"layer_norm_eps": None}, {"pad_token_id": 10**9}, {"model_type": "gone"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_are_one_line(text_model, tmp_path, settings) -> None:
    folder = changed(text_model("bert"), tmp_path / "model", **settings)
    with pytest.raises(EncoderError) as caught:
        describe(TextOptions(folder, device="cpu"), "by hand").load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["intermediate_size", "vocab_size", "max_position_embeddings"])
def test_a_config_of_more_weights_than_there_are_takes_no_memory(text_model, tmp_path, name) -> None:
    folder = changed(text_model("bert"), tmp_path / "model", **{name: 10**11})
    with pytest.raises(EncoderError, match="its files have"):
        describe(TextOptions(folder, device="cpu"), "by hand").load()


def test_a_setting_that_fails_at_the_first_text_is_one_line(text_model, tmp_path) -> None:
    folder = changed(text_model("roberta"), tmp_path / "model", pad_token_id=None)
    model = describe(TextOptions(folder, device="cpu"), "by hand")
    with pytest.raises(EncoderError, match="the text encoder fails on cpu") as caught:
        model.load().encode([model.tokenizer.tokens(Transcript("a", "one"))])
    assert "\n" not in str(caught.value)


def test_settings_that_choose_code_labels_or_outputs_are_not_followed(text_model, tmp_path) -> None:
    wild = {
        "_attn_implementation": "somebody/kernel", "attn_implementation": "somebody/kernel", "id2label": 5,
        "quantization_config": {"quant_method": "none"}, "num_labels": 10**12, "return_dict": False,
        "use_return_dict": False, "chunk_size_feed_forward": "x", "attention_probs_dropout_prob": 2,
    }  # fmt: skip
    folders = text_model("bert"), changed(text_model("bert"), tmp_path / "model", **wild)
    frames = []
    for folder in folders:
        model = describe(TextOptions(folder, device="cpu"), "by hand")
        (encoded,) = model.load().encode([model.tokenizer.tokens(Transcript("a", TEXTS[0]))])
        frames.append(encoded.frames["hidden_states/3"])
    assert (frames[0] == frames[1]).all()


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("kind", ["code", "code in a zip", "no pickle"])
def test_a_file_of_torch_with_code_or_none_is_one_line_and_runs_nothing(text_model, tmp_path, kind) -> None:
    import torch

    folder = changed(text_model("bert"), tmp_path / "model")
    (folder / "model.safetensors").unlink()
    path, filler = folder / "pytorch_model.bin", bytes(1 << 17)  # as many bytes as the config wants
    if kind == "no pickle":
        path.write_bytes(b"abc" + filler)
    else:
        both = {"a": Code(str(tmp_path / "ran")), "b": filler}
        torch.save(both, path, _use_new_zipfile_serialization=kind == "code in a zip")
    (tmp_path / "ran").unlink(missing_ok=True)
    with pytest.raises(EncoderError, match="cannot be loaded as an encoder") as caught:
        describe(TextOptions(folder, device="cpu"), "by hand").load()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("fault", ["whole numbers", "adapter"])
def test_weights_that_would_become_other_ones_are_refused(text_model, tmp_path, fault) -> None:
    from safetensors.torch import load_file, save_file

    folder = changed(text_model("bert"), tmp_path / "model")
    if fault == "adapter":
        (folder / "adapter_config.json").write_text("{}")
    else:
        weights = load_file(folder / "model.safetensors")
        whole = {name: weight.int() for name, weight in weights.items()}
        save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"adapter_config|expected floating-point"):
        describe(TextOptions(folder, device="cpu"), "by hand").load()


def test_a_tokenizer_of_another_encoder_is_one_line(text_model) -> None:
    model = describe(TextOptions(text_model("bert"), device="cpu"), "by hand")
    tokens = model.tokenizer.tokens(Transcript("a", "one"))
    windows = (replace(tokens.windows[0], ids=(10**6,) * len(tokens.windows[0].ids)),)
    with pytest.raises(EncoderError, match=r"does its tokenizer\.json belong to its weights"):
        model.load().encode([replace(tokens, windows=windows)])


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-4), ("float16", 2e-2), ("bfloat16", 0.1)])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_on_cuda_are_those_of_the_cpu(text_model, kind, precision, bound) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    found = []
    for device, chosen in (("cuda", precision), ("cpu", "float32")):
        model = describe(TextOptions(text_model(kind), layers="1,last", device=device, precision=chosen), "x")
        tokens = [model.tokenizer.tokens(Transcript(str(n), text)) for n, text in enumerate(TEXTS)]
        found.append(model.load().encode(tokens))
    for one, other in zip(*found, strict=True):
        for name, values in other.frames.items():
            assert np.linalg.norm(one.frames[name] - values) <= bound * np.linalg.norm(values)
