"""What encoders with a checkpoint share before they are loaded."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError


def test_a_precision_that_torch_has_no_kernels_for_is_one_line(tiny_encoder) -> None:
    with pytest.raises(
        EncoderError, match="--precision int8: this encoder computes in float32, float16, bfloat16"
    ):
        find_encoder(EncoderOptions(str(tiny_encoder), precision="int8"))


def test_fields_precision_and_hash_without_torch(tiny_encoder, python) -> None:
    code = (
        "import sys\nfrom extract.encoders.base import EncoderOptions\n"
        "from extract.encoders.lookup import find_encoder\n"
        f"e = find_encoder(EncoderOptions({str(tiny_encoder)!r}, precision='float32'))\n"
        "assert len(e.recipe['weights_sha256']) == 64 and e.fields\nprint('torch' in sys.modules)"
    )
    done = python("-c", code)
    assert done.stdout.strip() == "False", done.stderr
