"""Texts from elsewhere, such as a file's name or a function's answer, as one line of a terminal or a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line: characters that are not printable, such as a terminal's commands, are escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
