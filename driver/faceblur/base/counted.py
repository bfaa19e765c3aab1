"""Numbers of things in messages: `1 frame`, `2 frames`."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun in the singular or the plural, which is `plural` where an `s` does not make it."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
