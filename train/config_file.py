"""Config files: fields in JSON or TOML, read before options override them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cache.common import gate
from cache.common.foreign_json import parse_json
from train.checksums import has_checksums, verified
from train.errors import ConfigError


def read_fields(path: Path) -> dict[str, Any]:
    """Return the fields in a JSON or TOML file, the way a config is read before options override it.

    Raises:
        ConfigError: if the file is missing or holds no JSON object.
    """
    kind = "TOML" if path.suffix == ".toml" else "JSON"
    if has_checksums(path.parent):  # config.json of a run
        verified(path)
    try:
        data = gate.read_named(path)
        fields = tomllib.loads(data.decode()) if kind == "TOML" else parse_json(data, object)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give a JSON or TOML file of config fields"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: no valid {kind} (nested too deeply)") from None
    except ValueError as error:
        raise ConfigError(f"{path}: no valid {kind} ({error})") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: found a {type(fields).__name__}, expected a JSON object of config fields")
    return fields
