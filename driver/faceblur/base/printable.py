"""Texts from elsewhere, such as a file's name or a function's answer, as one line of a terminal or a log."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def printable(text: str) -> str:
    """The text on one line: characters that are not printable, such as a terminal's commands, are escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def shell_command(*words: str | Path) -> str:
    """A command on one line, to be pasted into Bash or zsh, whatever the names of its files are.

    A path that begins with a dash is none of its options.
    """
    return " ".join(
        _quoted(f"./{word}" if isinstance(word, Path) and str(word)[:1] == "-" else str(word)) for word in words
    )


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_escaped(one) for one in word) + "'"


def _escaped(one: str) -> str:
    if one in "\\'":
        return f"\\{one}"
    return one if one.isprintable() else "".join(f"\\{byte:03o}" for byte in os.fsencode(one))
