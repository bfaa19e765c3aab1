"""Which file of a run is next, and that its ledger costs nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from faceblur.base.options import Options
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.memory_ledger import FileQueue, MemoryLedger

# All that `run` loads. It must not wait for the database's libraries, which take a fifth of a second.
LOADED = """
import sys
from faceblur.cli import app, fleet, jobs, plan, review
import faceblur.cli.execute_job, faceblur.jobs.crash_guard, faceblur.jobs.video_run
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_short_videos_do_not_wait_behind_long_ones() -> None:
    frames = [50, 9000, 20, 8000, 10]
    queue = FileQueue([PlannedFile(Path(str(count)), Path("x"), count) for count in frames], alone=False)
    first = [queue.next().frames for _ in range(3)]
    assert first == [9000, 10, 20]
    queue.ended(Path("9000"))
    assert [queue.next().frames for _ in range(2)] == [8000, 50]


def test_what_may_have_crashed_a_run_goes_first_and_alone() -> None:
    files = [PlannedFile(Path(str(count)), Path("x"), count) for count in (10, 90, 50)]

    async def take_all() -> list[tuple[int | None, bool]]:
        ledger, taken = MemoryLedger(files, Options(), suspects={Path("50")}, jobs=None), []
        while not await ledger.is_over():
            part = await ledger.take()
            assert part is not None
            taken.append((part.file.frames, part.alone))
        assert await ledger.take() is None
        return taken

    assert asyncio.run(take_all()) == [(50, True), (90, False), (10, False)]


def test_a_run_does_not_load_a_database() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    assert "av" in loaded.stdout.split()
    assert not {"sqlalchemy", "alembic", "aiosqlite", "prometheus_client"} & set(loaded.stdout.split())
