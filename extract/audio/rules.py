"""What becomes of channels, tracks and gaps: the rules, by version, and what the recipe says of them.

A cache keeps the rules it was begun with, so that its clips stay comparable: the first version averaged all
channels of the first track and counted segments from its first sample, whatever the container's clock said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIRST, CURRENT = 1, 2  # the first version left no word in the recipe
SILENT_BELOW = 30.0  # dB below the loudest channel: adds nothing that is heard, but would lower the mean
CANCELS_ABOVE = 12.0  # dB that a mean of channels may lose against the loudest of them

_RECIPE = {
    "channels": f"mean of those within {SILENT_BELOW:g} dB of the loudest; "
    f"the loudest where the mean is {CANCELS_ABOVE:g} dB below it",
    "timeline": "the container's: its default track, starts and gaps count",
}


def recipe_of(rules: int) -> dict[str, str]:
    """Return what the recipe says of the rules."""
    return {} if rules == FIRST else dict(_RECIPE)


def rules_of(recipe: Mapping[str, Any]) -> int:
    """Return the rules that a cache of this recipe was begun with."""
    return CURRENT if recipe_of(CURRENT).keys() <= recipe.keys() else FIRST
