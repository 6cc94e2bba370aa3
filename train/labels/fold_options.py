"""How a command divides clips into folds: the options that say so, declared once."""

from __future__ import annotations

from dataclasses import dataclass

from cache.common.option_fields import option


@dataclass(frozen=True)
class FoldOptions:
    """The options of a cross-validation, as they are typed.

    Attributes:
        folds: a number, or "loo"; None for the split that the labels have.
        group: what stays in one fold: "speaker", or a column of the label table; None for clip by clip.
        allow_speaker_overlap: leave to do without a group.
    """

    folds: str | None = option(None, "Cross-validation: K folds, or loo: one group after the other.")
    group: str | None = option(
        None, "With --folds, what stays in one fold: speaker, or a column of the label table."
    )
    allow_speaker_overlap: bool = option(
        False, "Folds without --group; scores will be too high.", flag="--allow-speaker-overlap"
    )

    @property
    def idle(self) -> str | None:
        """The option that says how to divide where nothing is to be divided; None if there is none."""
        if self.folds is not None or (self.group is None and not self.allow_speaker_overlap):
            return None
        return "--allow-speaker-overlap" if self.group is None else "--group"
