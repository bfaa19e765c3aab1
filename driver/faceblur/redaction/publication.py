"""How a complete output gets its final name: at once, or by leave of a ledger that several workers share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Publication(Protocol):
    """Decides over one output. `tag` tells its temporary files from those of other attempts at the same output."""

    @property
    def tag(self) -> str: ...

    async def begin(self, files: Sequence[Path]) -> None:
        """The output is complete on the disk under these temporary paths, the video's first. Raises if it may not get
        its name."""


class Direct:
    """The output gets its name at once."""

    tag = ""

    async def begin(self, files: Sequence[Path]) -> None:
        return None


DIRECT = Direct()
