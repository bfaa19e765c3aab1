"""How much a command logs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verbosity:
    """`level`: -1 errors, 0 warnings, 1 what happens, 2 everything; `as_json`: as JSON lines."""

    level: int = 0
    as_json: bool = False

    @property
    def quiet(self) -> bool:
        return self.level < 0
