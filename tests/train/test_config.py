"""A field of the config is declared once: it is an option of fit, a field of the grid and of a config file."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys

import pytest

from cache.common.option_fields import options_of
from train import FitConfig
from train.commands.fit import fit
from train.errors import ConfigError
from train.studies.grid import read_grid

FIELDS = [name for name, declared in options_of(FitConfig).items() if declared.offered]


def test_every_field_is_an_option_of_fit():
    assert list(options_of(FitConfig)) == [field.name for field in dataclasses.fields(FitConfig)]
    assert set(options_of(FitConfig)) - set(FIELDS) == {"warmup_from"}  # for runs of older versions alone
    shown = inspect.signature(fit).parameters
    assert all(shown[name].default is None for name in FIELDS)  # left out: the config decides
    assert "chosen" not in shown


def other_value(name):
    default = FitConfig.__dataclass_fields__[name].default
    others = {"layer": 2, "hidden": 3, "stop_after": 3, "patience": 4, "temporal": "gru", "fusion": "linear"}
    others |= {"standardise": "train", "clip_vector": "statistics", "missing": "drop", "query": "text"}
    others |= {"streams": {"text": {"temporal": "gru"}}}
    others |= {"loss": "ccc", "metric": "ccc", "select": "valid", "precision": "bfloat16", "device": "cpu"}
    if name in others:
        return others[name]
    return not default if isinstance(default, bool) else default + (0.01 if isinstance(default, float) else 1)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_one_of_the_grid_and_of_a_config_file(name, tmp_path):
    value, more = other_value(name), {"select": "last"} if name == "train_on_all" else {}
    (tmp_path / "config.json").write_text(json.dumps({name: value, **more}))
    assert getattr(FitConfig.load(tmp_path / "config.json"), name) == value
    axis = f"{name} = [{json.dumps(value)}]"
    if name == "streams":  # in a grid that is which of them a row takes: their fields have names of their own
        axis = '"streams.text.temporal" = ["gru"]'
    (tmp_path / "grid.toml").write_text(f"[grid]\n{axis}\n")
    if options_of(FitConfig)[name].vary:
        (row,) = read_grid(str(tmp_path / "grid.toml"), FitConfig(), ["cache"])
        assert getattr(row.config, name) == value
    else:
        with pytest.raises(ConfigError, match=f"{name} is no field of a grid"):
            read_grid(str(tmp_path / "grid.toml"), FitConfig(), ["cache"])


def test_the_defaults_are_shown_in_the_help(cli):
    for command in ("fit", "ablate", "baseline", "fidelity", "evaluate", "predict", "reproduce"):
        code, out, _ = cli(command, "--help")
        assert code == 0
        assert "[default:" in out


def test_a_field_of_a_later_version_at_its_first_value_is_not_written():
    assert "fusion" not in FitConfig().to_dict()
    assert FitConfig(fusion="linear").to_dict()["fusion"] == "linear"
    assert FitConfig.from_dict(FitConfig().to_dict()) == FitConfig()


def test_the_config_loads_neither_numpy_nor_torch():
    code = "import sys, train.config; print(sorted({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temporal": "gur"}, "temporal: found 'gur', expected lstm or gru.*did you mean 'gru'"),
        ({"loss": "mse+mse"}, "loss: found 'mse.mse', expected mse, ccc, pearson, cross-entropy or a sum"),
        ({"device": "gpu"}, "device: found 'gpu', expected auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:²"}, "device: found 'cuda:²', expected auto, cpu, cuda or cuda:N"),
        ({"epochs": 0}, "epochs: found 0, expected 1 or more"),
        ({"seed": -1}, "seed: found -1, expected 0 to"),
        ({"epochs": True}, "epochs: found True, expected int"),
        ({"select": "last", "patience": 2}, "patience needs a score"),
        ({"train_on_all": True}, "train_on_all leaves no clip to choose the epoch on"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        FitConfig(**fields)
