"""Errors of training, each also the builtin that a caller would catch."""

from __future__ import annotations

from cache.common.errors import EmiError


class TrainError(EmiError):
    """Base of the errors of the ``train`` package."""


class LabelError(TrainError, ValueError):
    """A label table cannot be used: no targets, a value that is no number, no clip in common."""


class ConfigError(TrainError, ValueError):
    """Options that do not go together."""


class RunError(TrainError, ValueError):
    """A run folder is missing, incomplete, or was made for another cache."""


class AuditError(TrainError, ValueError):
    """The audit found what would make scores too good, and ``--strict`` forbids it."""
