"""Jobs of the same work, or of the same output: what is put in twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from faceblur.ledger.claims import Progress, beat, claim
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish, fail, finish
from faceblur.ledger.queries import count_jobs
from faceblur.ledger.submissions import submit
from tests.ledger.parts import claimed, new_job, on, publish, states


def test_the_same_work_is_there_once(ledger: str) -> None:
    async def work(database: Database) -> None:
        exists = {Path("/out/a.mp4"): True}
        has_output = lambda path: exists[path]  # noqa: E731
        assert await submit(database, [new_job("a.mp4")]) == ["queued"]
        assert await submit(database, [new_job("a.mp4")]) == ["waiting"]
        one = await claimed(database)
        assert await submit(database, [new_job("a.mp4")]) == ["waiting"]
        assert await publish(database, one)
        assert await submit(database, [new_job("a.mp4")], has_output=has_output) == ["done"]
        exists[Path("/out/a.mp4")] = False
        assert await submit(database, [new_job("a.mp4")], has_output=has_output) == ["queued"]
        assert await fail(database, await claimed(database), "file", "broken")
        assert await submit(database, [new_job("a.mp4")]) == ["failed"]

    on(ledger, work)


def test_a_newer_job_of_the_same_output_replaces_the_older(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4", 1), new_job("b.mp4", 2)])
        running = await claimed(database)
        assert running.source.name == "b.mp4"
        assert await submit(database, [new_job("a.mp4", style="solid"), new_job("b.mp4", style="solid")]) == [
            "queued",
            "queued",
        ]
        assert await states(database) == ["cancelled", "running", "queued", "queued"]
        assert await beat(database, [Progress(running, 1, 1.0)]) == {running.part: "cancel"}
        assert not await begin_publish(database, running, 1, "digest"), "the older output may not replace the newer"

    on(ledger, work)


def test_a_newer_job_waits_for_an_output_of_its_name_that_is_being_published(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        older = await claimed(database)
        assert await begin_publish(database, older, 1, "digest")
        assert await submit(database, [new_job("a.mp4", style="solid")]) == ["queued"]
        assert await claim(database, "another") is None
        assert await finish(database, older, "{}")
        assert (await claimed(database)).settings == {"style": "solid"}

    on(ledger, work)


def test_two_submits_at_once_put_a_tree_in_once(ledger: str) -> None:
    async def work(database: Database) -> None:
        jobs = [new_job(f"{number}.mp4") for number in range(20)]
        first, second = await asyncio.gather(submit(database, jobs), submit(database, jobs))
        assert sorted([first.count("queued"), second.count("queued")]) == [0, 20]
        assert (await count_jobs(database)).states == {"queued": 20}

    on(ledger, work)
