"""The command that fits a run again from nothing: every option that is not the default, ready for a shell."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.common.option_fields import options_of
from cache.common.words import in_one_line
from train.checksums import known_fields, read_json
from train.config import FitConfig
from train.files import CONFIG_FILE, ENVIRONMENT_FILE
from train.labels.label_files import COLUMNS, PATHS
from train.streams.arguments import cache_words, places_in
from train.streams.settings import STREAMS, settings_texts

NO_COMMAND = (
    "no command: it does not say which label tables it was fitted from, or no option can name their targets"
)
NOT_ALONE = (
    "its clips are those of the streams beside it, too; fitted again by the same emi-train ablate or, alone"
)


def fit_command(
    run: Path, out: str, more: Sequence[str] = (), inputs: Mapping[str, Any] | None = None
) -> str:
    """Return ``emi-train fit …`` with all options of a run; a comment that says why where there is none.

    Args:
        run: folder of the run.
        out: folder to write.
        more: further words, such as ``--ensemble 3``.
        inputs: cache and label tables as ``environment.json`` names them; default: those of the run.

    Raises:
        RunError: if the run is damaged.
        ConfigError: if its config is not known.
    """
    config = FitConfig.from_dict(read_json(run / CONFIG_FILE), where=str(run / CONFIG_FILE))
    path = run / ENVIRONMENT_FILE
    with known_fields(path, "an environment"):
        known = read_json(path)
        named = dict(known.get("inputs") or {}) if inputs is None else inputs
        threads = sorted({int(count) for count in known.get("threads_of_each_sitting", [])})
        where = label_words(named)
        cache = cache_words(places_in(named["cache"])) if named.get("cache") else []
    if named.get("beside"):
        return f"# {in_one_line(str(run))}: {NOT_ALONE}, emi-train reproduce {shlex.quote(str(run))}"
    if not cache or where is None:
        return f"# {in_one_line(str(run))}: {NO_COMMAND}"
    same_threads = ["--threads", str(threads[0])] if len(threads) == 1 else []
    own = config_words(config, run)
    start = (
        [] if "--from" in own else ["--recipe", "paper"]
    )  # whose values are those that no option is told for
    words = ["emi-train", "fit", *cache, *where, *start, *own, *same_threads, *more]
    return shlex.join([*words, "--out", out])


def config_words(config: FitConfig, run: Path) -> list[str]:
    """Return the options of a config that are not the defaults.

    What no option can say, the schedule of older versions, is taken from the run itself.
    """
    standard, words = FitConfig(), []
    for name, declared in options_of(FitConfig).items():
        value = getattr(config, name)
        if value == getattr(standard, name):
            continue
        if name == STREAMS:
            words += [word for text in settings_texts(config.streams) for word in ("--set", text)]
            continue
        if not declared.offered:
            return ["--from", str(run), "--seed", str(config.seed)]
        flag = declared.flag or f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            words += [flag, str(value)]
    return words


def label_words(inputs: Mapping[str, Any]) -> list[str] | None:
    """Return the options that name label tables and targets; None if there are none, or no option can name them."""
    words = [word for name in PATHS if inputs.get(name) for word in (f"--{name}", str(inputs[name]))]
    targets = [str(name) for name in inputs.get("targets") or ()]
    if any("," in name or name != name.strip() or not name for name in targets):
        return None
    if not any(inputs.get(name) for name in ("train", "labels")):
        return None
    words += [word for name in COLUMNS if inputs.get(name) for word in (f"--{name}", str(inputs[name]))]
    return [*words, *(["--targets", ",".join(targets)] if targets else [])]


def of_one_config(runs: Sequence[Path]) -> bool:
    """Whether runs differ in nothing but seeds that follow each other, so that one command fits them all."""
    configs = [
        FitConfig.from_dict(read_json(run / CONFIG_FILE), where=str(run / CONFIG_FILE)) for run in runs
    ]
    first = configs[0]
    return all(
        config == dataclasses.replace(first, seed=first.seed + place) for place, config in enumerate(configs)
    )
