"""A job whose worker stopped without a word is over by another worker's word: its trace gets its root from that one."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from faceblur.base.atomic_files import temporary_path
from faceblur.base.work_item import WorkItem
from faceblur.fleet import claimed_part
from faceblur.fleet.shared_ledger import SharedLedger
from faceblur.ledger.claims import Claim, requeue_lost
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish
from faceblur.ledger.queries import list_jobs
from faceblur.ledger.states import RETRIES
from faceblur.ledger.submissions import submit
from tests.ledger.parts import SHORT, claimed, expire, new_job


async def ended_jobs(database: Database, url: str) -> list[tuple[int, str]]:
    """The jobs that are over by the word of a worker that looks for work once, and how they ended."""
    ended: list[tuple[int, str]] = []

    def note(item: WorkItem, state: str) -> None:
        assert item.key and item.created > 0
        ended.append((item.job, state))

    async with SharedLedger(url, lease=SHORT, job_ended=note) as ledger:
        if (part := await ledger.take()) is not None:
            assert await part.recovered()
    assert ended == [(one.id, one.state) for one in await list_jobs(database)]
    return ended


def test_the_last_attempt_of_a_lost_worker_fails_the_job(file_ledger: str) -> None:
    async def work() -> None:
        async with Database(file_ledger) as database:
            await submit(database, [new_job("clip.mp4")])
            for number in range(RETRIES["lost"].times):
                await expire(database, await claimed(database, f"victim {number}"))
                assert [one.failed for one in await requeue_lost(database, "another", lease=SHORT)] == [None]
            await expire(database, await claimed(database, "the last victim"))
            [(_, state)] = await ended_jobs(database, file_ledger)
            assert state == "failed"

    asyncio.run(work())


def test_a_job_whose_output_another_worker_had_completed_is_done(
    file_ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complete(claim: Claim) -> bool:
        assert claim.target == Path("/out/clip.mp4")
        return True

    monkeypatch.setattr(claimed_part, "finish_publishing", complete)

    async def work() -> None:
        async with Database(file_ledger) as database:
            await submit(database, [new_job("clip.mp4")])
            one = await claimed(database, "victim")
            assert await begin_publish(database, one, 1, "digest")
            await expire(database, one)
            [(_, state)] = await ended_jobs(database, file_ledger)
            assert state == "done"

    asyncio.run(work())


def test_what_a_lost_attempt_left_goes_though_the_worker_that_was_to_remove_it_died_before(
    file_ledger: str, tmp_path: Path
) -> None:
    left = temporary_path(tmp_path / "clip.mp4", "1.1")
    left.write_bytes(b"half a video")

    async def work() -> None:
        async with Database(file_ledger) as database:
            await submit(database, [dataclasses.replace(new_job("clip.mp4"), target=tmp_path / "clip.mp4")])
            await expire(database, await claimed(database, "victim"))
            assert await requeue_lost(database, "killed right after", lease=SHORT)
            async with SharedLedger(file_ledger, lease=SHORT) as ledger:
                part = await ledger.take()
                assert part is not None and not await part.recovered()
        assert not left.exists()

    asyncio.run(work())
