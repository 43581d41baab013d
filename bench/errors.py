"""The exceptions that reach the user as one line, and hints for typing errors."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Something the user gave cannot be used; the message is one line and says how to fix it.

    The command line prints it without a traceback and exits with code 2.
    """


class Unavailable(Exception):
    """A disk, a database or a cluster failed while it was needed; the message is one line.

    Nothing that was stored is lost. The command line prints it without a traceback and exits with
    code 1; the same command continues.
    """


def nearest(word: str, valid: Iterable[str]) -> str:
    """A hint such as "; did you mean 'seed'?", or all valid names if none is near."""
    names = sorted(valid)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid are: {', '.join(names)}" if names else ""
