"""Numbers as people read them: counts with their noun, bytes, and times."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return ``1 clip``, but ``24 clips``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(num_bytes: float) -> str:
    """Return ``num_bytes`` as ``1.234 GB``, or ``5.6 MB`` where that says more."""
    return f"{num_bytes / 1e9:.3f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.2f} MB"


def clock(seconds: float) -> str:
    """Return ``seconds`` as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
