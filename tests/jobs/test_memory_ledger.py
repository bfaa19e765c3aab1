"""Which file is next, and how many run at a time."""

from __future__ import annotations

from pathlib import Path

from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.memory_ledger import FileQueue


def test_short_videos_do_not_wait_behind_long_ones() -> None:
    frames = [50, 9000, 20, 8000, 10]
    queue = FileQueue([PlannedFile(Path(str(count)), Path("x"), count) for count in frames], alone=False)
    first = [queue.next().frames for _ in range(3)]
    assert first == [9000, 10, 20]
    queue.ended(Path("9000"))
    assert [queue.next().frames for _ in range(2)] == [8000, 50]
