"""The errors that cross module borders, as types: what may be retried, what may not, and what the client did wrong.

TastegraphError
├── TransientError              try again later; nothing is known to be wrong with the input
│   ├── UnavailableError        a dependency does not answer
│   │   └── OutcomeUnknownError … and may or may not have taken what it was given
│   └── DeadlineError           the time allowed ran out
├── PermanentError              the same input will fail again: park it, with the reason
│   ├── InvalidInputError       what came in breaks a contract; carries its problems
│   ├── NotFoundError           no such thing in this shop (or it belongs to another)
│   ├── ForbiddenError          the credential lacks a scope
│   └── ConflictError           it contradicts what already stands
└── UsageError                  the program was started wrongly; the message says what to do
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TastegraphError(Exception):
    """The root of every error that Tastegraph raises on purpose."""


class TransientError(TastegraphError):
    """Trying again later may help; nothing is known to be wrong with the input."""


class UnavailableError(TransientError):
    """A dependency does not answer."""


class OutcomeUnknownError(UnavailableError):
    """A dependency may or may not have taken what it was given; repeat it under the same id."""


class DeadlineError(TransientError):
    """The time allowed ran out."""


class PermanentError(TastegraphError):
    """The same input will fail again; `code` is a stable word for dead letters and problem types."""

    code = "permanent"


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with an input: where (a JSON pointer) and what."""

    pointer: str
    detail: str


class InvalidInputError(PermanentError):
    """What came in breaks a contract."""

    code = "invalid-input"

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.violations = tuple(violations)


class NotFoundError(PermanentError):
    """There is no such thing in this shop."""

    code = "not-found"


class ForbiddenError(PermanentError):
    """The credential lacks a scope; it is named."""

    code = "insufficient-scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"the credential lacks the scope {scope}" if scope else "this is not open to anybody")
        self.scope = scope


class ConflictError(PermanentError):
    """It contradicts what already stands."""

    code = "conflict"


class UsageError(TastegraphError):
    """The program was started wrongly; the message says what to do instead."""
