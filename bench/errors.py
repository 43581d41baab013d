"""The one exception for bad input, and the default storage."""

DEFAULT_URL = "sqlite:///runs/mln.db"


class InputError(Exception):
    """Something the user gave cannot be used; the message is one line and says how to mend it.

    The command line prints it without a traceback and exits with code 2.
    """
