"""What is put into the ledger again: moved videos, cancelled jobs, outputs that another video has."""

from __future__ import annotations

from pathlib import Path

from faceblur.ledger.claims import Progress, beat
from faceblur.ledger.control import cancel
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish, give_back
from faceblur.ledger.queries import find_unfinished, list_jobs
from faceblur.ledger.submissions import NewJob, submit
from tests.ledger.test_claims import claimed, new_job, on, publish, states


def _video(source: Path, content: str = "a", target: str = "/out/a.mp4", style: str = "blur") -> NewJob:
    return NewJob(source, Path(target), {"style": style}, {"sha256": content}, 100)


def _sources(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "cam1.mp4", tmp_path / "cam2.mp4"
    first.write_text("a")
    second.write_text("b")
    return first, second


def test_a_video_that_was_moved_is_found_where_it_is_now(ledger: str) -> None:
    async def work(database: Database) -> None:
        assert await submit(database, [_video(Path("/in/a.mp4"))]) == ["queued"]
        assert await submit(database, [_video(Path("/moved/a.mp4"))]) == ["waiting"]
        assert (await claimed(database)).source == Path("/moved/a.mp4")

    on(ledger, work)


def test_a_job_that_is_put_in_again_before_its_worker_stopped_is_not_lost(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        await cancel(database, [one.job])
        assert await beat(database, [Progress(one, 1, 1.0)]) == {one.part: "cancel"}
        assert await submit(database, [new_job("a.mp4")]) == ["waiting"]
        assert await give_back(database, one, "cancelled")
        assert await states(database) == ["queued"]
        assert (await claimed(database)).attempt == 2

    on(ledger, work)


def test_of_settings_that_change_back_the_last_ones_count(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        assert await submit(database, [new_job("a.mp4", style="solid")]) == ["queued"]
        assert await submit(database, [new_job("a.mp4")]) == ["waiting"]
        assert await states(database) == ["running", "cancelled"]
        assert await begin_publish(database, one, 1, "digest")

    on(ledger, work)


def test_a_cancelled_job_whose_worker_ends_does_not_wait_for_ever(ledger: str) -> None:
    async def work(database: Database) -> None:
        await submit(database, [new_job("a.mp4")])
        one = await claimed(database)
        await cancel(database, [one.job])
        assert await give_back(database, one, "released")
        assert await states(database) == ["cancelled"]

    on(ledger, work)


def test_the_output_of_another_video_is_taken(ledger: str, tmp_path: Path) -> None:
    first, second = _sources(tmp_path)

    async def work(database: Database) -> None:
        assert await submit(database, [_video(first)]) == ["queued"]
        assert await submit(database, [_video(second, "b")]) == ["taken"]
        assert await states(database) == ["queued"]
        assert await publish(database, await claimed(database))
        assert await submit(database, [_video(second, "b")], has_output=lambda _: True) == ["taken"]
        assert await submit(database, [_video(second, "b")], has_output=lambda _: False) == ["queued"]

    on(ledger, work)


def test_the_output_of_another_video_is_replaced_on_request_or_if_that_is_gone(ledger: str, tmp_path: Path) -> None:
    first, second = _sources(tmp_path)

    async def work(database: Database) -> None:
        await submit(database, [_video(first)])
        assert await submit(database, [_video(first, "changed")]) == ["queued"], "it has changed since"
        assert await submit(database, [_video(second, "b")], overwrite=True) == ["queued"]
        assert await states(database) == ["cancelled", "cancelled", "queued"]
        second.unlink()
        assert await submit(database, [_video(first)]) == ["queued"]
        assert [one.source for one in await list_jobs(database, states=["queued"])] == [str(first)]

    on(ledger, work)


def test_what_is_not_done_is_found(ledger: str) -> None:
    async def work(database: Database) -> None:
        jobs = [new_job("a.mp4", 3), new_job("b.mp4", 2), new_job("c.mp4", 1)]
        await submit(database, jobs)
        assert await publish(database, await claimed(database))
        await cancel(database, [2])
        found = await find_unfinished(database, [one.key for one in jobs])
        assert found == {jobs[1].key: ("cancelled", ""), jobs[2].key: ("queued", "")}

    on(ledger, work)
