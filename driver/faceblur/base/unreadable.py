"""Why a file of text cannot be read, in the words of a message."""

from __future__ import annotations


def why_unreadable(error: OSError | UnicodeError) -> str:
    """The reason, to come after the file's name and `cannot be read`."""
    if isinstance(error, UnicodeError):
        return "it is no text in UTF-8"
    return error.strerror or str(error)
