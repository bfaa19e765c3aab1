"""How much a command logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Verbosity:
    """`level`: -1 errors, 0 warnings, 1 what happens, 2 everything; `as_json`: as JSON lines."""

    level: int = 0
    as_json: bool = False

    @property
    def quiet(self) -> bool:
        return self.level < 0

    def draws_bars(self, console: Console) -> bool:
        """Whether progress is drawn: on a terminal, unless only errors or JSON lines are wanted."""
        return console.is_terminal and not self.quiet and not self.as_json
