"""What an audit finds: lines of a name, an outcome and a detail, as text and as ``audit.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from train.checksums import known_fields, read_json
from train.errors import AuditError
from train.files import AUDIT_FILE, json_text, write_text
from train.scores.wording import aligned

PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"


@dataclass(frozen=True)
class Check:
    """One line of an audit.

    Attributes:
        name: what was looked at.
        outcome: "passed", "failed" or "not checked".
        detail: what the data show, or why it could not be checked.
    """

    name: str
    outcome: str
    detail: str


@dataclass(frozen=True)
class Audit:
    """All checks, in order."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == FAILED)

    def save(self, folder: Path) -> None:
        """Write ``audit.json`` into a folder."""
        write_text(folder / AUDIT_FILE, self.to_json())

    def to_json(self) -> str:
        """Return the content of ``audit.json``."""
        return json_text([asdict(check) for check in self.checks])

    @classmethod
    def load(cls, folder: Path) -> Audit | None:
        """Read ``audit.json`` of a folder; None if it was made without an audit.

        Raises:
            RunError: if it cannot be read.
        """
        path = folder / AUDIT_FILE
        if not path.exists():
            return None
        with known_fields(path, "an audit"):
            checks = [Check(**row) for row in read_json(path, list)]
            if not all(isinstance(text, str) for check in checks for text in vars(check).values()):
                raise TypeError("a check that is no text")
        return cls(tuple(checks))

    def text(self) -> str:
        """Return one line per check, as people read it."""
        return "\n".join(aligned([(check.outcome, check.name, check.detail) for check in self.checks]))

    def require(self) -> None:
        """Refuse to go on if a check failed, for ``--strict``.

        Raises:
            AuditError: if a check failed.
        """
        if self.failed:
            failures = "; ".join(f"{check.name}: {check.detail}" for check in self.failed)
            raise AuditError(
                f"{len(self.failed)} of {len(self.checks)} audit checks failed: {failures}; "
                "correct the splits or the cache, or go on without --strict"
            )
