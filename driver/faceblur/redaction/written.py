"""The result of one output: what it does not keep of its source, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """A complete output: what it could not keep of its source, what could not be read, what people chose in it."""

    left_out: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
