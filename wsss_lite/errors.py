"""The two errors a reader meets: bad input, and a weak method that tries to look at a mask."""


class InputError(Exception):
    """Something the reader gave cannot be used.

    The message is one sentence that names the file and the remedy; the command line prints it
    and exits with code 2, without a traceback.
    """


class PeekError(Exception):
    """A weakly supervised method asked for an annotation that its supervision does not open."""
