"""How many files run at a time while the function has nothing to do."""

from __future__ import annotations

import pytest

from faceblur.jobs import parallel_files
from faceblur.jobs.parallel_files import ParallelFiles


class Idle:
    def idle_share(self) -> float:
        return 1.0


def wanted(monkeypatch: pytest.MonkeyPatch, *, cores: int, free: float, jobs: int | None = None) -> int:
    """After a minute in which this process took no CPU time: others have it all."""
    now = [0.0]
    monkeypatch.setattr(parallel_files.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(parallel_files.time, "process_time", lambda: 0.0)
    monkeypatch.setattr(parallel_files, "codec_threads", lambda: cores)
    monkeypatch.setattr(parallel_files, "available_memory", lambda: free)
    files = ParallelFiles(Idle(), jobs)
    for second in range(60):
        now[0] = float(second)
        count = files.wanted()
    return count


@pytest.mark.parametrize(("cores", "files"), [(1, 2), (2, 4), (4, 8), (64, 32)])
def test_no_more_than_the_cores_can_take(monkeypatch: pytest.MonkeyPatch, cores: int, files: int) -> None:
    assert wanted(monkeypatch, cores=cores, free=0.9) == files


def test_no_more_than_the_memory_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted(monkeypatch, cores=64, free=0.2) == 2


def test_what_was_asked_for_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted(monkeypatch, cores=2, free=0.1, jobs=50) == 50
