"""An encoder's files in a folder, in the hub's own cache, or not to be had: one line that says what to do."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file

from cache.common.console import escaped_output, terminal_of
from extract.encoders import hub
from extract.encoders.base import EncoderOptions
from extract.encoders.hub import DEFAULT_CONFIG, find_model
from extract.encoders.lookup import find_encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.errors import EncoderError


def test_without_a_network_one_line_says_how_to_get_the_model(python, tmp_path) -> None:
    (tmp_path / "x.wav").write_bytes(b"")
    done = python("-m", "extract", "run", str(tmp_path), "--out", str(tmp_path / "c"))
    assert done.returncode == 1
    assert DEFAULT_MODEL in done.stderr
    assert "hf download" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_gives_its_settings_and_its_weights(tiny_encoder) -> None:
    files = find_model(str(tiny_encoder), None)
    assert (files.model, files.revision, files.normalise) == ("local", "local", True)
    assert files.weights == tiny_encoder / "model.safetensors"
    assert files.config == json.loads((tiny_encoder / "config.json").read_text())


def test_a_folder_of_the_hubs_own_cache_is_known_by_its_name(tiny_encoder, tmp_path) -> None:
    snapshot = tmp_path / "models--some--encoder" / "snapshots" / "abc123"
    shutil.copytree(tiny_encoder, snapshot)
    files = find_model(str(snapshot), None)
    assert (files.model, files.revision) == ("some/encoder", "abc123")


COMMIT, REPOSITORY = "0123456789abcdef" * 2 + "01234567", "models--some--encoder"


def hub_snapshot(hub):
    """A copy of the hub that has one commit of some/encoder; return where its files are to be put."""
    (hub / REPOSITORY / "refs").mkdir(parents=True)
    (hub / REPOSITORY / "refs" / "main").write_text(COMMIT)
    return hub / REPOSITORY / "snapshots" / COMMIT


def test_a_hub_id_is_found_in_the_local_copy_without_a_network(tiny_encoder, tmp_path, python) -> None:
    shutil.copytree(tiny_encoder, hub_snapshot(tmp_path / "hub"))
    code = (
        f"import os; os.environ['HF_HUB_CACHE'] = {str(tmp_path / 'hub')!r}\n"
        "from extract.encoders.hub import find_model\n"
        "for weights in (True, False):\n"
        "    files = find_model('some/encoder', None, weights=weights)\n"
        "    print(files.model, files.revision, files.weights is not None)\n"
        "import sys; print('torch' in sys.modules)"
    )
    done = python("-c", code)
    assert done.stdout.splitlines() == [
        f"some/encoder {COMMIT} True", f"some/encoder {COMMIT} False", "False",
    ], done.stderr  # fmt: skip


def test_the_hub_shows_its_progress_on_the_terminal_itself(monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(hub, "_hub_files", lambda *_: seen.append(sys.stderr) or {})
    with escaped_output():
        behind = terminal_of(sys.stderr)
        hub._from_hub("owner/name", None, weights=False)
        assert seen == [behind]
        assert sys.stderr is not behind


def test_the_settings_of_the_default_encoder_need_no_network() -> None:
    files = find_model(DEFAULT_MODEL, None, weights=False)
    assert (files.config, files.weights) == (DEFAULT_CONFIG, None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("preprocessor_config.json", '{"sampling_rate": 8000}', "sampling_rate 8000, expected 16000 Hz"),
        ("config.json", "[1]", "expected an object, found a list"),
        ("config.json", "{", "not readable as JSON"),
        ("config.json", "[" * 100_000, "nested more than 32 deep"),
        ("preprocessor_config.json", '{"a":' * 5000, "nested more than 32 deep"),
        ("config.json", " " * (1 << 26) + "{}", "no regular file of at most 64 MB"),
    ],
)
def test_settings_that_cannot_be_used_name_their_file(tiny_encoder, tmp_path, name, text, message) -> None:
    shutil.copytree(tiny_encoder, tmp_path / "copy")
    (tmp_path / "copy" / name).write_text(text)
    with pytest.raises(EncoderError, match=message) as error:
        find_model(str(tmp_path / "copy"), None)
    assert name in str(error.value)


def test_what_is_no_folder_and_no_hub_id_says_what_would_be() -> None:
    with pytest.raises(
        EncoderError, match=r"a hub id OWNER/NAME, or logmel or egemaps; did you mean 'logmel'\?"
    ):
        find_model("logmell", None)


def processor_only(tiny_encoder, folder, settings=None):
    """As ``Wav2Vec2Processor.save_pretrained`` of transformers 5 leaves a folder."""
    shutil.copytree(tiny_encoder, folder)
    extractor = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    settings = {"feature_extractor": extractor} if settings is None else settings
    (folder / "processor_config.json").write_text(
        json.dumps({**settings, "processor_class": "Wav2Vec2Processor"})
    )
    return folder


def test_the_settings_of_a_processor_are_those_of_its_feature_extractor(tiny_encoder, tmp_path) -> None:
    folder = processor_only(tiny_encoder, tmp_path / "copy")
    files, expected = (find_model(str(each), None) for each in (folder, tiny_encoder))
    assert (files.normalise, files.config) == (expected.normalise, expected.config)
    text = (folder / "processor_config.json").read_text()
    (folder / "processor_config.json").write_text(
        text.replace('"do_normalize": true', '"do_normalize": false')
    )
    assert not find_model(str(folder), None).normalise
    (folder / "processor_config.json").write_text(text.replace("16000", "8000"))
    with pytest.raises(EncoderError, match=r"processor_config\.json: sampling_rate 8000"):
        find_model(str(folder), None)


def test_a_processor_as_transformers_itself_saves_it(tiny_encoder, tmp_path) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    folder = tmp_path / "copy"
    shutil.copytree(tiny_encoder, folder)
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2}))
    tokenizer = Wav2Vec2CTCTokenizer(tmp_path / "vocab.json")
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor.from_pretrained(folder), tokenizer).save_pretrained(
        tmp_path / "p"
    )
    (folder / "preprocessor_config.json").unlink()
    shutil.copy(tmp_path / "p" / "processor_config.json", folder)
    assert find_model(str(folder), None).normalise


@pytest.mark.parametrize("settings", [{}, {"feature_extractor": "Wav2Vec2FeatureExtractor"}])
def test_a_processor_without_its_feature_extractor_is_named(tiny_encoder, tmp_path, settings) -> None:
    folder = processor_only(tiny_encoder, tmp_path / "copy", settings)
    with pytest.raises(
        EncoderError, match="no 'feature_extractor' in it; expected that, or preprocessor_config"
    ):
        find_model(str(folder), None)


def test_a_copy_of_the_hub_may_hold_several_files_and_a_processor(tiny_encoder, tmp_path, python) -> None:
    snapshot = processor_only(tiny_encoder, hub_snapshot(tmp_path / "hub"))
    (snapshot / "model.safetensors").rename(snapshot / "model-00001-of-00001.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    code = (
        f"import os; os.environ['HF_HUB_CACHE'] = {str(tmp_path / 'hub')!r}\n"
        "from extract.encoders.base import EncoderOptions\n"
        "from extract.encoders.lookup import find_encoder\n"
        "for model in ('some/encoder', os.environ['HF_HUB_CACHE'] + '/models--some--encoder/snapshots/"
        + COMMIT
        + "'):\n"
        "    print(find_encoder(EncoderOptions(model, precision='float32')).recipe['weights_sha256'])\n"
    )
    done = python("-c", code)
    hashes = done.stdout.split()
    assert len(hashes) == 2, done.stderr
    assert len(set(hashes)) == 1


def test_an_old_torch_file_in_an_offline_copy_of_the_hub(tiny_encoder, tmp_path, python) -> None:
    """weight_g and weight_v in pytorch_model.bin, beside files that say what the hub does not have."""
    snapshot = hub_snapshot(tmp_path / "hub")
    shutil.copytree(tiny_encoder, snapshot)
    weights = load_file(snapshot / "model.safetensors")
    assert any(name.endswith("weight_g") for name in weights)
    torch.save(weights, snapshot / "pytorch_model.bin")
    (snapshot / "model.safetensors").unlink()
    missing = tmp_path / "hub" / REPOSITORY / ".no_exist" / COMMIT
    missing.mkdir(parents=True)
    for name in ("model.safetensors", "model.safetensors.index.json"):
        (missing / name).touch()
    code = (
        f"import os; os.environ['HF_HUB_CACHE'] = {str(tmp_path / 'hub')!r}\n"
        "from extract.encoders.base import EncoderOptions\n"
        "from extract.encoders.lookup import find_encoder\n"
        "model = find_encoder(EncoderOptions('some/encoder', device='cpu', precision='float32'))\n"
        "print(model.load().recipe == model.recipe, model.recipe['weights_sha256'])"
    )
    done = python("-c", code)
    expected = find_encoder(EncoderOptions(str(tiny_encoder), device="cpu")).recipe["weights_sha256"]
    assert done.stdout.split() == ["True", expected], done.stderr
