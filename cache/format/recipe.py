"""The recipe: everything that determines the values in a cache, and therefore its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cache.common.errors import RecipeMismatchError

# Where the same weights were loaded from does not change a value: a hub id on the GPU server and a
# copied folder on the laptop are one recipe as long as the hashes of weights and config agree.
NAMES = frozenset({"model", "revision"})
HASHES = ("weights_sha256", "config_sha256")
SOURCE = frozenset({"source_recipe", "source_recipe_id"})
MISSING = "(absent)"
LONGEST = 40  # characters of a value in a difference; a sha256 has 64


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def recipe_id(recipe: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) of the recipe's canonical JSON."""
    return hashlib.sha256(canonical_json(dict(recipe)).encode()).hexdigest()


def differing_keys(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the keys whose values differ, leaving out mere names of identical weights.

    Of two compact caches' recipes the recipes of their sources are compared in the same way.
    """
    keys = [key for key in sorted({*ours, *theirs}) if ours.get(key, MISSING) != theirs.get(key, MISSING)]
    same_weights = all(ours.get(key) and ours.get(key) == theirs.get(key) for key in HASHES)
    source, other = source_recipe(ours), source_recipe(theirs)
    same_source = source is not None and other is not None and same_values(source, other)
    ignored = (NAMES if same_weights else frozenset()) | (SOURCE if same_source else frozenset())
    return [key for key in keys if key not in ignored]


def source_recipe(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the recipe of the cache that a compact cache was made from; None for any other cache."""
    found = recipe.get("source_recipe")
    return found if isinstance(found, Mapping) else None


def is_compact(recipe: Mapping[str, Any]) -> bool:
    """Say whether a cache of this recipe was made by ``compact``, not by extract."""
    return recipe.get("derived") == "compact"


def is_made_from(compact: Mapping[str, Any], recipe: Mapping[str, Any]) -> bool:
    """Say whether ``recipe`` is that of the caches from which a cache of recipe ``compact`` was made.

    A head trained on the compact cache accepts such a cache, once ``Projection`` has been applied to it.
    """
    source = source_recipe(compact)
    return source is not None and same_values(source, recipe)


def same_values(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Say whether two recipes produce the same numbers from the same audio."""
    return not differing_keys(ours, theirs)


def recipe_diff(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return one line per difference, ``key: ours -> theirs``; keys inside a value follow it after a dot."""
    lines: list[str] = []
    both_derived = source_recipe(ours) is not None and source_recipe(theirs) is not None
    for key in differing_keys(ours, theirs):
        one, two = ours.get(key, MISSING), theirs.get(key, MISSING)
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            lines += [f"{key}.{line}" for line in recipe_diff(one, two)]
        # Of a cache that was not derived every key would differ; of two that were, the id says nothing more.
        elif key not in ({"source_recipe_id"} if both_derived else {"source_recipe"}):
            lines.append(f"{key}: {_change(one, two)}")
    return lines


def _change(one: Any, two: Any) -> str:
    before, after = _shown(one), _shown(two)
    if _shortened(before) != _shortened(after):
        before, after = _shortened(before), _shortened(after)
    return f"{before} -> {after}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    return str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 4 :]}"


def as_block(lines: Iterable[str]) -> str:
    """Return lines as an indented block inside a message, one below the other."""
    return "".join(f"\n  {line}" for line in lines) + "\n"


def recipe_lines(recipe: Mapping[str, Any]) -> list[str]:
    """Return a recipe as lines for a terminal; what a key holds in turn is indented below it."""
    lines = []
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            lines += [f"{key}:", *(f"  {line}" for line in recipe_lines(value))]
        else:
            lines.append(f"{key}: {_shown(value)}")
    return lines


def require_same_values(cached: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    """Raise ``RecipeMismatchError`` with a readable diff unless both recipes give the same numbers."""
    lines = recipe_diff(cached, wanted)
    if lines:
        raise RecipeMismatchError(
            f"{where} was made with another recipe (cached -> wanted):{as_block(lines)}"
            "Choose another folder, or the options the cache was made with (emi-cache info shows them)"
        )
