"""Every error the package raises on purpose.

::

    ChallengeError                 what went wrong, and the hint what to do next
    ├── InputError                 a file of the user's is missing or not what it should be
    │   ├── MissingInputError      nothing there
    │   └── FormatError            there, but not in the official format
    ├── ConfigError                an unknown or impossible setting
    ├── InvalidSubmissionError     a submission that breaks the rules where a valid one is needed
    ├── ResourceError              memory or disk would not do
    └── InvariantError             our own mistake: please report it

A message says where, what was found and what was expected; ``hint`` says what to do next, and ``choices`` are
lines below the hint, from which to choose.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ChallengeError(Exception):
    """Base of all errors of this package; ``exit_code`` is what the command line returns for it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.choices = tuple(choices)


class InputError(ChallengeError):
    """A file or folder of the user's cannot be used."""

    exit_code = 3


class MissingInputError(InputError):
    """A file or folder is not there, or holds nothing of what is looked for."""


class FormatError(InputError):
    """A file is there but not in the official format."""


class ConfigError(ChallengeError):
    """A setting is unknown or out of range."""

    exit_code = 2


class InvalidSubmissionError(ChallengeError):
    """A submission breaks the challenge's rules."""

    exit_code = 4


class ResourceError(ChallengeError):
    """The machine's memory or disk does not suffice."""

    exit_code = 5


class InvariantError(ChallengeError):
    """A state that the package's own code must never reach."""

    exit_code = 70


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the hint "did you mean …?" where one of the ``known`` names is near to ``name``, else None."""
    by_lower_case = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.5)
    return f"did you mean {by_lower_case[near[0]]}?" if near else None
