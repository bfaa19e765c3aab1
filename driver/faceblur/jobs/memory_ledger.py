"""The ledger of one run: its files, in memory. Each is tried once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from faceblur.base.options import Options
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.parts import Part
from faceblur.jobs.report import FileReport


class FileQueue:
    """Which of the waiting files is next. One running file is the longest of all, the others are the shortest.

    So short files do not wait behind a long one, and no long one is left for the end, when it would run alone. `alone`:
    one file runs at a time.
    """

    def __init__(self, files: Sequence[PlannedFile], *, alone: bool) -> None:
        self._waiting, self._alone = sorted(files, key=lambda one: one.frames or 0), alone
        self._long: Path | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self) -> PlannedFile:
        if self._alone or self._long is not None:
            return self._waiting.pop(0)
        one = self._waiting.pop()
        self._long = one.source
        return one

    def ended(self, source: Path) -> None:
        if source == self._long:
            self._long = None


class MemoryLedger:
    """Hands out the files of one run, `jobs` at a time. `suspects`, which may have crashed it before, go first."""

    poll = 1.0

    def __init__(
        self, files: Sequence[PlannedFile], options: Options, *, suspects: Collection[Path], jobs: int | None
    ) -> None:
        self._options = options
        self._suspects = FileQueue([one for one in files if one.source in suspects], alone=True)
        self._rest = FileQueue([one for one in files if one.source not in suspects], alone=jobs == 1)

    async def take(self) -> Part | None:
        queue = self._suspects or self._rest
        return FilePart(queue, self._options, alone=queue is self._suspects) if queue else None

    async def is_over(self) -> bool:
        return not self._suspects and not self._rest


class FilePart(Part):
    """The next file of a queue."""

    def __init__(self, queue: FileQueue, options: Options, *, alone: bool) -> None:
        super().__init__(queue.next(), alone=alone)
        self._queue, self._options = queue, options

    def options(self) -> Options:
        return self._options

    async def ended(self, report: FileReport, failure: Exception | None) -> None:
        self._queue.ended(self.file.source)
