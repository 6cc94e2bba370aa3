"""Settings of streams: what a config says of one stream alone, in files, grids and on the command line.

[streams.text]
temporal = "attention"
--set streams.text.temporal=attention
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from cache.common.registry import near_miss
from train.errors import ConfigError

STREAMS = "streams"  # the field of a config
STREAM_FIELDS = (  # of a config that each stream may have of its own
    "layer",
    "vad",
    "temporal",
    "hidden",
    "lstm_layers",
    "lstm",
    "global_mean",
    "clip_vector",
    "standardise",
)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
NAMES = "a letter, then letters, digits, _ or -, 40 at most"
REFUSE, TOKEN, DROP = "refuse", "token", "drop"
MISSING = (REFUSE, TOKEN, DROP)  # what becomes of a clip that a stream lacks


class StreamSettings(dict[str, dict[str, Any]]):
    """Name of a stream → its fields that differ from those of the config: read like a dictionary, never changed.

    Names and fields are in order, so that two that say the same are equal in every file.

    Raises:
        ConfigError: if a name is none, or a field is unknown or no field of a stream.
    """

    def __init__(self, streams: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        given = dict(streams)
        for name, fields in given.items():
            _check(name, fields)
        super().__init__({name: dict(sorted(given[name].items())) for name in sorted(given)})

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = None  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(json.dumps(self, sort_keys=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return StreamSettings, (dict(self),)


def require_name(name: str) -> None:
    """Refuse what is no name of a stream.

    Raises:
        ConfigError: if it is none.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"name of a stream: found {name!r}, expected {NAMES}")


def parse_settings(texts: Sequence[str]) -> StreamSettings:
    """Return what ``--set`` says: ``streams.NAME.FIELD=VALUE``, once or more.

    A value is read as TOML has it (``64``, ``true``); what is none is text.

    Raises:
        ConfigError: if a text is of another form, or two say different things of one field.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        where = path.strip().split(".")
        if not equals or len(where) != 3 or where[0] != STREAMS:
            raise ConfigError(
                f"--set: found {text!r}, expected streams.NAME.FIELD=VALUE, such as "
                "streams.text.temporal=attention"
            )
        said, told = found.setdefault(where[1], {}), _value(value.strip())
        if said.setdefault(where[2], told) != told:
            raise ConfigError(
                f"--set: found {path.strip()} twice, with {said[where[2]]!r} and {told!r}; leave one out"
            )
    return StreamSettings(found)


def settings_texts(settings: StreamSettings) -> list[str]:
    """Return what ``--set`` takes for settings, one text for each."""
    return [f"{path}={json.dumps(value)}" for path, value in flattened({STREAMS: settings}).items()]


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a config with others over them; of streams, field by field."""
    fields = {**below, **above}
    one, two = below.get(STREAMS, {}), above.get(STREAMS)
    if not isinstance(one, Mapping):
        fields[STREAMS] = one  # it is refused later, and not forgotten
    elif isinstance(two, Mapping):
        fields[STREAMS] = {
            name: {**_fields_of(one, name), **_fields_of(two, name)}
            if isinstance(two.get(name, {}), Mapping)
            else two[name]
            for name in {**one, **two}
        }
    return fields


def flattened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with those of streams by their whole name: ``streams.text.temporal``."""
    flat = {name: value for name, value in fields.items() if name != STREAMS}
    streams = fields.get(STREAMS, {})
    if not isinstance(streams, Mapping):
        return dict(fields)
    for name, own in streams.items():
        if not isinstance(own, Mapping):
            return dict(fields)
        flat |= {f"{STREAMS}.{name}.{field}": value for field, value in own.items()}
    return flat


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with those of streams, named as ``flattened`` does, below ``streams``."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        where = name.split(".")
        if len(where) == 3 and where[0] == STREAMS:
            found = overlaid(found, {STREAMS: {where[1]: {where[2]: value}}})
        else:
            found[name] = value
    return found


def _fields_of(streams: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    own = streams.get(name, {})
    return own if isinstance(own, Mapping) else {}


def _check(name: Any, fields: Any) -> None:
    require_name(str(name))
    if not isinstance(fields, Mapping):
        raise ConfigError(f'streams.{name}: found {fields!r}, expected fields such as temporal = "attention"')
    for field in fields:
        if field not in STREAM_FIELDS:
            _refuse_field(name, str(field))


def _refuse_field(name: str, field: str) -> NoReturn:
    hint = near_miss(field, STREAM_FIELDS, cutoff=0.5) or f"; a stream has {', '.join(STREAM_FIELDS)}"
    raise ConfigError(f"streams.{name}: {field!r} is no field of one stream{hint}")


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
        return found["value"] if len(found) == 1 else text
    except tomllib.TOMLDecodeError:
        return text
