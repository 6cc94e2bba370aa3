"""How long work tells how far it is: the one type of every ``on_progress`` argument."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""
