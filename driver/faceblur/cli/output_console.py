"""The console of what a command prints: tables on stdout."""

from __future__ import annotations

import sys

from rich.console import Console

WIDTH = 160  # of what is printed into a file or a pipe


def output_console() -> Console:
    """A console for stdout, as wide as its terminal if it is one."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)
