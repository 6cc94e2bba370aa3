"""Recipe of a fit in clips → extract → cache → train → intensities: every choice, in one frozen dataclass.

The defaults are the method's recipe for a frozen encoder (arXiv 2403.11879).
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.errors import ConfigError

LOSSES = ("mse", "ccc", "pearson")  # sums of them with "+", as in "mse+ccc"
METRICS = ("pearson", "ccc", "spearman")
SELECTIONS = ("inner", "last", "valid")
PRECISIONS = ("float32", "bfloat16")
TEMPORAL = ("lstm", "gru", "bilstm", "attention")


@dataclass(frozen=True)
class FitConfig:
    """Every choice that decides the values of one head, beside its cache and its labels.

    Attributes:
        layer: cached encoder layer; None takes the last one.
        global_mean: feed the mean over the clip's frames to the head.
        fusion_head: Linear, Tanh, Linear; off, one linear layer.
        lstm: feed the temporal model's output to the head; by default the last LSTM output.
        vad: join arousal, dominance and valence to every frame.
        temporal: the temporal model: "lstm" is the method's; "gru", "bilstm", "attention".
        hidden: its units (per direction); None takes the input width.
        lstm_layers: its layers.
        epochs: passes over the training clips; the schedule of the learning rate spans them.
        stop_after: epochs that are done of those; None does them all.
        patience: epochs without a better score after which the fit ends; None never ends it early.
        lr: highest learning rate.
        weight_decay: of AdamW.
        warmup_epochs: epochs of linear warm-up before the cosine.
        batch_size: clips per step.
        loss: "mse", "ccc", "pearson" or a sum such as "mse+ccc".
        metric: what chooses the epoch and leads the tables.
        select: "inner" part of the training data, "last" epoch, or on "valid" itself.
        train_on_all: learn from the validation clips too; nothing is left to report on then.
        inner_share: share of the training clips set aside for ``select="inner"``.
        seed: of weights, inner split and batch order.
        precision: "float32" or "bfloat16" autocast.
        device: "auto", "cpu", "cuda" or "cuda:N".
        min_coverage: least share of the labelled clips that the cache must hold, per split.

    Raises:
        ConfigError: if a value is out of range or switches do not go together.
    """

    layer: int | None = None
    global_mean: bool = True
    fusion_head: bool = True
    lstm: bool = True
    vad: bool = True
    temporal: str = "lstm"
    hidden: int | None = None
    lstm_layers: int = 2
    epochs: int = 10
    stop_after: int | None = None
    patience: int | None = None
    lr: float = 1e-3
    weight_decay: float = 0.01
    warmup_epochs: float = 1.0
    batch_size: int = 32
    loss: str = "mse"
    metric: str = "pearson"
    select: str = "inner"
    train_on_all: bool = False
    inner_share: float = 0.2
    seed: int = 0
    precision: str = "float32"
    device: str = "auto"
    min_coverage: float = 0.95

    def __post_init__(self) -> None:
        self._check_types()
        self._check_choices()
        self._check_numbers()
        self._check_combinations()

    @property
    def last_epoch(self) -> int:
        """The epoch that ends the fit at the latest, from 1."""
        return self.epochs if self.stop_after is None else min(self.epochs, self.stop_after)

    @property
    def loss_terms(self) -> tuple[str, ...]:
        """The names of the losses that are summed."""
        return tuple(self.loss.split("+"))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any], where: str = "config") -> FitConfig:
        """Build a config from JSON values.

        Args:
            fields: some or all fields by name; those left out take their default.
            where: named in errors, for example the file.

        Raises:
            ConfigError: if a field is unknown or a value is not valid.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {close[0]!r}?" if close else f"known fields: {', '.join(known)}"
                raise ConfigError(f"{where}: unknown field {name!r}; {hint}")
        return cls(**fields)

    @classmethod
    def load(cls, path: Path) -> FitConfig:
        """Read a config from a JSON file, for example ``config.json`` of a run."""
        return cls.from_dict(read_fields(path), where=str(path))

    def _check_types(self) -> None:
        for name, hint in typing.get_type_hints(type(self)).items():
            value = getattr(self, name)
            kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            if float in kinds and type(value) is int:
                object.__setattr__(self, name, float(value))
            elif type(value) not in kinds:
                expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
                raise ConfigError(f"{name}: found {value!r}, expected {expected}")

    def _check_choices(self) -> None:
        choices = {"metric": METRICS, "select": SELECTIONS, "precision": PRECISIONS, "temporal": TEMPORAL}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}: found {getattr(self, name)!r}, expected {' or '.join(allowed)}")
        if len(set(self.loss_terms)) != len(self.loss_terms) or not set(self.loss_terms) <= set(LOSSES):
            raise ConfigError(
                f"loss: found {self.loss!r}, expected {', '.join(LOSSES)} or a sum such as mse+ccc"
            )
        if self.device not in ("auto", "cpu", "cuda") and not self.device.removeprefix("cuda:").isdigit():
            raise ConfigError(f"device: found {self.device!r}, expected auto, cpu, cuda or cuda:N")

    def _check_combinations(self) -> None:
        if not (self.lstm or self.global_mean):
            raise ConfigError(
                "lstm and global_mean are both off: nothing would feed the head; leave one of them on"
            )
        if self.select == "last" and self.patience is not None:
            raise ConfigError("patience needs a score for each epoch; leave it out, or use --select inner")
        if self.train_on_all and self.select != "last":
            raise ConfigError(
                f"train_on_all leaves no clip to choose the epoch on, found select {self.select!r}; "
                "use --select last, or --from RUN to take the epochs that a run found"
            )

    def _check_numbers(self) -> None:
        for name in ("hidden", "lstm_layers", "epochs", "batch_size", "stop_after", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}: found {value}, expected 1 or more")
        if not 0 < self.lr < float("inf"):
            raise ConfigError(f"lr: found {self.lr}, expected a positive number")
        for name in ("weight_decay", "warmup_epochs"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name}: found {getattr(self, name)}, expected 0 or more")
        if not 0 < self.inner_share < 1:
            raise ConfigError(f"inner_share: found {self.inner_share}, expected a share between 0 and 1")
        if not 0 <= self.min_coverage <= 1:
            raise ConfigError(f"min_coverage: found {self.min_coverage}, expected a share from 0 to 1")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed: found {self.seed}, expected 0 to 2^63 - 1")


def read_fields(path: Path) -> dict[str, Any]:
    """Return the fields in a JSON or TOML file, the way a config is read before options override it.

    Raises:
        ConfigError: if the file is missing or holds no JSON object.
    """
    kind = "TOML" if path.suffix == ".toml" else "JSON"
    try:
        text = path.read_text(encoding="utf-8")
        fields = tomllib.loads(text) if kind == "TOML" else json.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give a JSON or TOML file of config fields"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path}: no valid {kind} ({error})") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: found a {type(fields).__name__}, expected a JSON object of config fields")
    return fields
