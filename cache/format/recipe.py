"""The recipe: everything that determines the values in a cache, and therefore its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NoReturn

from cache.common.console import in_one_line
from cache.common.errors import RecipeMismatchError
from cache.format.schema import HIDDEN_STATES

# Where the same weights were loaded from does not change a value: a hub id on the GPU server and a
# copied folder on the laptop are one recipe as long as the hashes of weights and config agree.
NAMES = frozenset({"model", "revision"})
HASHES = ("weights_sha256", "config_sha256")
SOURCE = frozenset({"source_recipe", "source_recipe_id"})
COMPACT = "compact"  # value of "derived" in the recipe of a cache that compact made
IMPORT = "import"  # value of "derived" in the recipe of a cache of features that other tools have made
MISSING = "(absent)"
WAY_OUT = "Choose another folder, or the options the cache was made with (emi-cache info shows them)"
LONGEST = 40  # characters of a value in a difference; a sha256 has 64


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("a recipe does not change; dict(recipe) is a copy that does")


class Recipe(dict[str, Any]):
    """What determines the values of a cache, by name: read like a dictionary, and written as the same JSON.

    It never changes, so it can be a key itself: equal recipes have one ``recipe_id``.
    """

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = _refuse
    __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.recipe_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Recipe, (dict(self),)

    @cached_property
    def recipe_id(self) -> str:
        """The sha256 (hex) of its canonical JSON."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    @property
    def is_compact(self) -> bool:
        """Whether a cache of this recipe was made by ``compact``, not by extract."""
        return self.get("derived") == COMPACT

    @property
    def is_imported(self) -> bool:
        """Whether a cache of this recipe holds features that other tools have made."""
        return self.get("derived") == IMPORT

    @property
    def source(self) -> Recipe | None:
        """The recipe of the cache that a compact cache was made from; None for any other cache."""
        source = self.get("source_recipe")
        return Recipe(source) if isinstance(source, Mapping) else None

    @property
    def encoder(self) -> Recipe:
        """The recipe that names the encoder: its own, or a compact cache's source's."""
        return self.source or self

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the encoder layers whose hidden states are cached."""
        names = self.get("stored_dtype")
        names = names if isinstance(names, Mapping) else ()
        return tuple(int(n.removeprefix(HIDDEN_STATES)) for n in names if n.startswith(HIDDEN_STATES))

    @property
    def precision(self) -> str | None:
        """What the encoder computed in, for example ``float16``; None where the recipe does not say."""
        return self.get("precision")

    @property
    def projection_sha256(self) -> str | None:
        """Of the projection that a compact cache was made with; None for any other cache."""
        return self.get("projection_sha256")

    def same_values(self, other: Mapping[str, Any]) -> bool:
        """Say whether two recipes produce the same numbers from the same audio."""
        return not self.differing_keys(other)

    def is_made_from(self, other: Mapping[str, Any]) -> bool:
        """Say whether ``other`` is the recipe of the caches from which a cache of this recipe was made.

        A head trained on the compact cache accepts such a cache, once ``Projection`` has been applied to it.
        """
        return self.source is not None and self.source.same_values(other)

    def differing_keys(self, other: Mapping[str, Any]) -> list[str]:
        """Return the keys whose values differ, leaving out mere names of identical weights.

        Of two compact caches' recipes the recipes of their sources are compared in the same way.
        """
        keys = [key for key in sorted({*self, *other}) if self.get(key, MISSING) != other.get(key, MISSING)]
        same_weights = all(self.get(key) and self.get(key) == other.get(key) for key in HASHES)
        source, theirs = self.source, Recipe(other).source
        same_source = source is not None and theirs is not None and source.same_values(theirs)
        ignored = (NAMES if same_weights else frozenset()) | (SOURCE if same_source else frozenset())
        return [key for key in keys if key not in ignored]

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Return one line per difference, ``key: ours -> theirs``; keys inside a value follow it after a dot."""
        lines: list[str] = []
        both_derived = self.source is not None and Recipe(other).source is not None
        for key in self.differing_keys(other):
            one, two = self.get(key, MISSING), other.get(key, MISSING)
            if isinstance(one, Mapping) and isinstance(two, Mapping):
                lines += [f"{key}.{line}" for line in Recipe(one).differences(two)]
            # Of a cache that was not derived every key would differ; of two that were, the id says nothing more.
            elif key not in ({"source_recipe_id"} if both_derived else {"source_recipe"}):
                lines.append(f"{key}: {_change(one, two)}")
        return lines

    def require_same_values(self, wanted: Mapping[str, Any], where: str, way_out: str = WAY_OUT) -> None:
        """Raise ``RecipeMismatchError`` with a readable diff unless ``wanted`` gives the same numbers."""
        lines = self.differences(wanted)
        if lines:
            raise RecipeMismatchError(
                f"{where} was made with another recipe (cached -> wanted):{as_block(lines)}{way_out}"
            )


def _change(one: Any, two: Any) -> str:
    before, after = _shown(one), _shown(two)
    if _shortened(before) != _shortened(after):
        before, after = _shortened(before), _shortened(after)
    return f"{before} -> {after}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    return in_one_line(value)


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
            lines += [f"{in_one_line(key)}:", *(f"  {line}" for line in recipe_lines(value))]
        else:
            lines.append(f"{in_one_line(key)}: {_shown(value)}")
    return lines
