"""Claims and leases: each part has one worker at a time, and one that stopped loses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import select, text, update

from faceblur.ledger.claims import Progress, beat, claim, end_leases, requeue_lost
from faceblur.ledger.control import cancel, pause, prioritize, resume, retry
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish, fail, finish, give_back
from faceblur.ledger.queries import count_jobs, list_jobs, show_job
from faceblur.ledger.states import RETRIES
from faceblur.ledger.submissions import submit
from faceblur.ledger.tables import job, part
from tests.ledger.parts import SHORT, claimed, expire, new_job, on, publish, states
from tests.support.postgres import PostgresServer


def test_the_longest_is_first_and_each_part_has_one_worker(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4", 10), new_job("b.mp4", 30), new_job("c.mp4", 20)])
        taken = [await claimed(database, f"worker {number}") for number in range(3)]
        assert [one.source.name for one in taken] == ["b.mp4", "c.mp4", "a.mp4"]
        assert await claim(database, "a fourth") is None

    on(ledger, work)


def test_claims_at_once_share_no_part(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job(f"{number}.mp4") for number in range(40)])

        async def worker(owner: str) -> list[int]:
            parts = []
            while one := await claim(database, owner):
                parts.append(one.part)
                assert await publish(database, one)
            return parts

        taken = await asyncio.gather(*(worker(f"worker {number}") for number in range(4)))
        parts = [one for some in taken for one in some]
        assert len(parts) == len(set(parts)) == 40
        assert (await count_jobs(database)).states == {"done": 40}

    on(ledger, work)


def test_a_higher_priority_goes_first(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("long.mp4", 1000), new_job("urgent.mp4", 1)])
        [urgent] = [one.id for one in await list_jobs(database, contains="urgent")]
        assert await prioritize(database, [urgent], 5) == [urgent]
        assert (await claimed(database)).source.name == "urgent.mp4"

    on(ledger, work)


def test_a_worker_that_lost_its_lease_can_write_nothing(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        old = await claimed(database, "frozen")
        assert await requeue_lost(database, "another", lease=SHORT) == []
        await expire(database, old)
        assert [one.tag for one in await requeue_lost(database, "another", lease=SHORT)] == [old.tag]
        new = await claimed(database, "next")
        assert (new.part, new.attempt) == (old.part, 2)
        assert await beat(database, [Progress(old, 50, 1.0)]) == {old.part: "lost"}
        assert not await begin_publish(database, old, 1, "digest")
        assert not await finish(database, old, "{}")
        assert not await fail(database, old, "file", "broken")
        assert not await give_back(database, old, "released")
        assert await publish(database, new)
        shown = await show_job(database, 1)
        assert shown is not None
        assert [(one["n"], one["outcome"], one["owner"]) for one in shown["attempts"]] == [
            (1, "lost", "frozen"),
            (2, "done", "next"),
        ]

    on(ledger, work)


def test_a_worker_takes_over_nothing_of_its_own(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database, "frozen")
        await expire(database, one)
        assert await requeue_lost(database, "frozen", lease=SHORT) == [], "it is alive: it asks"
        assert len(await requeue_lost(database, "next", lease=SHORT)) == 1
        assert await claim(database, "frozen", but=[one.part]) is None, "what it had has not ended there"
        again = await claim(database, "frozen")
        assert again is not None and await begin_publish(database, again, 1, "digest")
        await expire(database, again)
        assert await claim(database, "frozen", lease=SHORT, but=[one.part]) is None
        assert await claim(database, "next", lease=SHORT) is not None

    on(ledger, work)


def test_heartbeats_keep_a_lease_and_carry_progress(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        assert await beat(database, [Progress(one, 41, 12.5)]) == {one.part: "ok"}
        await expire(database, one)
        assert [row.is_silent for row in await list_jobs(database)] == [True]
        assert (await count_jobs(database)).fps == 0
        assert await beat(database, [Progress(one, 42, 12.5)]) == {one.part: "ok"}
        assert await requeue_lost(database, "another", lease=SHORT) == []
        [row] = await list_jobs(database)
        assert (row.state, row.frames_done, row.fps, row.owner) == ("running", 42, 12.5, "one")
        assert not row.is_silent and (await count_jobs(database)).fps == 12.5
        assert await begin_publish(database, one, 1, "digest") and await finish(database, one, "{}")
        [row] = await list_jobs(database)
        assert (row.state, row.frames_done) == ("done", 100), "the last frames come after the last progress"

    on(ledger, work)


def test_an_output_that_was_being_published_is_finished_by_another_worker(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        old = await claimed(database, "killed")
        assert await begin_publish(database, old, 1, "digest")
        assert await claim(database, "next") is None
        await expire(database, old)
        assert await requeue_lost(database, "another", lease=SHORT) == []
        new = await claim(database, "next", lease=SHORT)
        assert new is not None
        assert new.recover and new.tag == old.tag and new.output_digest == "digest"
        assert await finish(database, new, "{}")
        # The first worker was only slow: its output has its name, and so it hears that all is well.
        assert await finish(database, old, "{}")
        assert await states(database) == ["done"]

    on(ledger, work)


def test_a_file_that_kills_its_workers_is_set_aside(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("bomb.mp4")])
        for number in range(RETRIES["lost"].times + 1):
            one = await claimed(database, f"victim {number}")
            await expire(database, one)
            await requeue_lost(database, "another", lease=SHORT)
        assert await claim(database, "another") is None
        [row] = await list_jobs(database)
        assert (row.state, row.error_kind) == ("failed", "lost")
        assert row.reason == f"its worker victim {number} stopped without a word (the last of {number + 1} attempts)"
        assert await retry(database, [row.id]) == [row.id]
        one = await claimed(database)
        assert one.attempt == RETRIES["lost"].times + 2
        await expire(database, one)
        await requeue_lost(database, "another", lease=SHORT)
        assert await states(database) == ["queued"], "its earlier failures are forgiven"

    on(ledger, work)


def test_a_broken_file_is_not_tried_again_but_a_function_that_is_away_is(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("broken.mp4", 2), new_job("away.mp4", 1)])
        assert await fail(database, await claimed(database), "file", "damaged at 3 s")
        assert await fail(database, await claimed(database), "function", "no answer")
        rows = {Path(one.source).name: one for one in await list_jobs(database)}
        assert (rows["broken.mp4"].state, rows["broken.mp4"].reason) == ("failed", "damaged at 3 s")
        assert rows["away.mp4"].state == "queued"
        assert 5 < rows["away.mp4"].not_before <= RETRIES["function"].first
        assert await claim(database, "too early") is None

    on(ledger, work)


def test_waits_double_up_to_a_limit() -> None:
    rule = RETRIES["function"]
    assert [rule.wait(number) for number in (1, 2, 3, 30)] == [10, 20, 40, 300]
    assert rule.wait(31) is None
    assert RETRIES["file"].wait(1) is None


def test_pause_resume_and_cancel_reach_the_worker(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4", 2), new_job("b.mp4", 1)])
        one = await claimed(database)
        assert await pause(database, [1, 2]) == [1, 2]
        assert await beat(database, [Progress(one, 1, 1.0)]) == {one.part: "pause"}
        assert await give_back(database, one, "released")
        assert await states(database) == ["paused", "paused"]
        assert (await count_jobs(database)).frames_done == 0, "it begins anew: what it did before is nothing"
        assert await claim(database, "another") is None
        assert await resume(database, [1]) == [1]
        again = await claimed(database)
        assert again.attempt == 2
        assert await cancel(database, [1, 2]) == [1, 2]
        assert await states(database) == ["running", "cancelled"]
        assert await beat(database, [Progress(again, 1, 1.0)]) == {again.part: "cancel"}
        assert not await begin_publish(database, again, 1, "digest")
        assert await give_back(database, again, "cancelled")
        assert await states(database) == ["cancelled", "cancelled"]
        assert await cancel(database, [1, 2]) == []

    on(ledger, work)


def test_a_job_that_is_publishing_can_be_neither_cancelled_nor_paused(ledger: str) -> None:
    """It was called cancelled, or paused, and was done a moment later."""

    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        assert await begin_publish(database, one, 1, "digest")
        assert await cancel(database, [1]) == await pause(database, [1]) == []
        assert (await list_jobs(database))[0].wanted == "run"
        assert await finish(database, one, "{}")
        assert await states(database) == ["done"]

    on(ledger, work)


def test_who_cancels_and_who_publishes_do_not_wait_for_each_other(postgres: PostgresServer) -> None:
    """PostgreSQL would end one of both as a deadlock."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        async with database.write() as publishing:
            await publishing.execute(select(job.c.id).with_for_update())
            cancelling = asyncio.create_task(cancel(database, [one.job]))
            for _ in range(10_000):
                if (await publishing.execute(waiting)).scalar_one():
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("who cancels does not wait for the job")
            await publishing.execute(update(part).values(state="publishing"))
        assert await cancelling == []

    on(postgres.create("publishing"), work)


def test_a_done_job_shows_the_frames_that_it_had(ledger: str) -> None:
    """They were estimated when it was put in, where the file does not say."""

    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4", 100), new_job("b.mp4", 50)])
        for result in ('{"frames": 97}', "{}"):  # the second one was completed by a worker that stopped
            one = await claimed(database)
            assert await begin_publish(database, one, 1, "digest") and await finish(database, one, result)
        rows = {one.source: (one.frames_done, one.frames_total) for one in await list_jobs(database)}
        assert rows == {"/in/a.mp4": (97, 97), "/in/b.mp4": (50, 50)}
        counts = await count_jobs(database)
        assert counts.frames_done == counts.frames_total == 147

    on(ledger, work)


def test_no_lease_is_lost_just_after_the_database_was_away(postgres: PostgresServer) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        await expire(database, one)
        assert await requeue_lost(database, "another", lease=1e6) == [], (
            "for a lease's time every worker may still renew its own"
        )
        assert await beat(database, [Progress(one, 1, 1.0)], lease=1e6) == {one.part: "ok"}

    on(postgres.create("grace"), work)


def test_a_released_part_has_no_failure(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        for _ in range(10):
            assert await give_back(database, await claimed(database), "released")
        assert await states(database) == ["queued"]

    on(ledger, work)


def test_the_parts_of_workers_that_are_gone_are_free_at_once(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a"), new_job("b"), new_job("c")])
        for owner in ("gone", "at work", "gone too"):
            await claimed(database, owner)
        published = await claim(database, "nobody")
        assert published is None and await end_leases(database, lambda _: False) == []
        assert await requeue_lost(database, "new", lease=SHORT) == []
        assert sorted(await end_leases(database, lambda owner: owner.startswith("gone"))) == ["gone", "gone too"]
        assert len(await requeue_lost(database, "new", lease=SHORT)) == 2
        assert await states(database) == ["queued", "running", "queued"]

    on(ledger, work)
