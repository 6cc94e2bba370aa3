"""wavlm is described from a folder of that model_type, with the hash of its weights and settings."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.hub import find_model
from extract.encoders.wavlm import describe


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_folder_of_the_family_is_described(saved, load, norm) -> None:
    folder = str(saved["wavlm", norm])
    model = describe(find_model(folder, None), EncoderOptions(folder, device="cpu"))
    assert [field.name for field in model.fields] == ["hidden_states/2"]
    encoder = load(folder)
    assert model.recipe == encoder.recipe
    assert encoder.equal_lengths == (norm == "group")
