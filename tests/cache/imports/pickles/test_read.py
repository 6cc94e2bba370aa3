"""Pickles and torch files give what their own libraries give, and nothing of them is run."""

from __future__ import annotations

import pickle
import random
import zipfile

import numpy as np
import pytest
import torch

from cache.imports.pickles.read import read_pickle
from cache.imports.values import UnreadableError, Values

RNG = np.random.default_rng(0)
ARRAYS = {
    "00042": RNG.normal(size=(3, 4)).astype(np.float16),
    "long": RNG.normal(size=(300, 40)),
    "fortran": np.asfortranarray(RNG.normal(size=(5, 6))),
    "big endian": RNG.normal(size=(3, 2)).astype(">f4"),
    "view": RNG.normal(size=(8, 9))[::2, 1:4],
    "integers": np.arange(5),
    "empty": np.zeros((0, 4), np.float32),
}
TENSORS = {
    "a": torch.arange(1200.0).reshape(30, 40),
    "transposed": torch.arange(12.0).reshape(3, 4).t(),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "bfloat16": torch.linspace(-3, 3, 12).reshape(3, 4).bfloat16(),
    "half": torch.arange(12.0).reshape(3, 4).half()[1:],
    "integers": torch.arange(4),
}


def loaded(value):
    if isinstance(value, dict):
        return {name: loaded(each) for name, each in value.items()}
    return value.load() if isinstance(value, Values) else value


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol(tmp_path, protocol) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({**ARRAYS, "n": np.float32(3), "x": [1.5, (2, None)], "t": True}, protocol))
    found = loaded(read_pickle(path))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert (found["n"], found["x"], found["t"]) == (3.0, [1.5, (2, None)], True)


@pytest.mark.parametrize("save", ["torch", "old torch", 3, 4, 5])
def test_tensors_of_torch_save_and_of_plain_pickles(tmp_path, save) -> None:
    path = tmp_path / "a.pt"
    if isinstance(save, int):
        path.write_bytes(pickle.dumps(TENSORS, save))
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=save == "torch")
    found = read_pickle(path)
    for name, tensor in TENSORS.items():
        expected = tensor.detach()
        expected = (expected.float() if name == "bfloat16" else expected).numpy()
        np.testing.assert_array_equal(found[name].load(), expected)
        assert found[name].dtype == found[name].load().dtype == expected.dtype
    np.testing.assert_array_equal(found["transposed"].row(2).load(), TENSORS["transposed"][2])
    np.testing.assert_array_equal(found["a"].rows(3, 9).load(), TENSORS["a"][3:9])


def test_a_pickle_that_would_run_a_program_runs_none(tmp_path, malicious) -> None:
    data, marker = malicious
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=r"refused: it names (posix|nt)\.system"):
        read_pickle(path)
    assert not marker.exists()


def test_a_torch_file_that_would_run_a_program_runs_none(tmp_path, malicious) -> None:
    data, marker = malicious
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(2)}, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(path, "w") as bad:
        for info in good.infolist():
            bad.writestr(info.filename, data if info.filename.endswith("data.pkl") else good.read(info))
    with pytest.raises(UnreadableError, match="refused"):
        read_pickle(path)
    assert not marker.exists()


def function_by_name(*_):
    return None


class Anything:
    pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (function_by_name, "function_by_name"),
        (Anything(), "Anything"),
        ({"a": np.array([1, "x", None], dtype=object)}, "object array"),
        ({1, 2}, "a set"),
        (1j, "builtins.complex"),
        (np.zeros(2, "c8"), "real numbers"),
        (np.array(["a"]), "real numbers"),
    ],
)
def test_anything_else_is_refused_by_its_name(tmp_path, value, says) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(UnreadableError, match=says):
        loaded(read_pickle(path))


def test_a_lambda_as_cloudpickle_writes_it_is_refused(tmp_path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04\x8c\x17cloudpickle.cloudpickle\x8c\x0e_make_function\x93)R.")
    with pytest.raises(UnreadableError, match=r"cloudpickle\._make_function"):
        read_pickle(path)


@pytest.mark.parametrize("member", ["code/__torch__.py", "constants.pkl"])
def test_a_program_of_torch_is_refused(tmp_path, member) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({}))
        archive.writestr(f"m/{member}", b"")
    with pytest.raises(UnreadableError, match="TorchScript"):
        read_pickle(path)


def test_a_zip_that_is_no_torch_file_and_a_compressed_one(tmp_path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"")
    with pytest.raises(UnreadableError, match=r"without data\.pkl"):
        read_pickle(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", pickle.dumps({"a": 1}))
    with pytest.raises(UnreadableError, match="compressed"):
        read_pickle(path)


def test_cut_short_anywhere_is_one_line(tmp_path) -> None:
    path = tmp_path / "a.pkl"
    torch.save(TENSORS, tmp_path / "t.pt", _use_new_zipfile_serialization=False)
    for data in (pickle.dumps(ARRAYS), (tmp_path / "t.pt").read_bytes()):
        for size in range(0, len(data), max(1, len(data) // 150)):
            path.write_bytes(data[:size])
            with pytest.raises(UnreadableError):
                loaded(read_pickle(path))


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch", "tensors"])
def test_damaged_bytes_give_a_line_or_values_but_never_another_error(tmp_path, kind) -> None:
    path, rng = tmp_path / "a.pkl", random.Random(kind)
    if kind in ("pickle", "tensors"):
        path.write_bytes(pickle.dumps(ARRAYS if kind == "pickle" else TENSORS))
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "torch")
    sound, refused = path.read_bytes(), 0
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data) if rng.random() < 0.3 else min(len(data), 2000))] = rng.randrange(
                256
            )
        path.write_bytes(bytes(data))
        try:
            loaded(read_pickle(path))
        except UnreadableError:
            refused += 1
    assert refused > 20
