"""Every error Winnow raises on purpose, as one tree.

WinnowError                 one clear sentence, shown as it is in the app and by the command line
 |- InputError              the person's input cannot be used; exit code 2
 |   |- RecipeError         a key, value or reference in the recipe
 |   |- SourceError         the data a source was pointed at
 |   '- UnavailableError    a method that cannot run here: a missing package, weights out of reach
 |- AccessError             somebody who is not logged in, or may not come in
 '- RunError                something failed while running; exit code 1
     |- StepError           one step of a run; names the step
     '- WorkspaceError      the folder results are kept in

A message says what was wrong, the value, what was expected and what to do, in one sentence.
Anything else that escapes is a bug in Winnow.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WinnowError(Exception):
    exit_code = 1


class InputError(WinnowError):
    exit_code = 2


class RecipeError(InputError):
    pass


class SourceError(InputError):
    pass


class UnavailableError(InputError):
    pass


class AccessError(WinnowError):
    pass


class RunError(WinnowError):
    exit_code = 1


class LostError(RunError):
    """Whoever computes is gone, such as a cluster whose head node has died: no step can go on."""


class StepError(RunError):
    pass


class WorkspaceError(RunError):
    pass


def in_words(error: Exception) -> str:
    """Any error as part of a sentence.

    >>> in_words(ZeroDivisionError("no luck")), in_words(RunError("the student diverged"))
    ('ZeroDivisionError: no luck', 'the student diverged')
    """
    if isinstance(error, WinnowError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}" + (f" ({error.filename})" if error.filename else "")
    return f"{type(error).__name__}: {error}".splitlines()[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """The closing words of an 'unknown name' message: the nearest known name, or all of them.

    >>> nearest("kcenter", ["ccs", "k_center"])
    "did you mean 'k_center'?"
    >>> nearest("zzz", ["ccs", "k_center"])
    'expected one of: ccs, k_center'
    """
    known = list(known)
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {match[0]!r}?" if match else "expected one of: " + ", ".join(known)
