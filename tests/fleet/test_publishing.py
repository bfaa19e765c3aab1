"""Complete outputs that get their names from another worker than the one that wrote them."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from pathlib import Path

import pytest

from faceblur.base.atomic_files import AtomicFile, temporary_path
from faceblur.base.events import State
from faceblur.fleet.claimed_part import ClaimedPart
from faceblur.fleet.failures import kind_of
from faceblur.fleet.publishing import digest_of, finish_publishing, remove_attempt
from faceblur.jobs.report import FileReport
from faceblur.ledger.claims import Claim, Lost, claim, requeue_lost
from faceblur.ledger.database import Database
from faceblur.ledger.queries import list_jobs
from faceblur.ledger.submissions import NewJob, submit
from faceblur.media.preview_writer import preview_path
from faceblur.redaction.sidecar_files import sidecar_path
from tests.support.clips import frames, number
from tests.support.file_systems import made_read_only
from tests.support.fleet import WorkerProcess, put_in, rows, tree, until

LEASE = ("--lease", "2")
VIDEO, SIDECAR = b"the complete video", b"the complete sidecar"


@pytest.fixture
def unnamed(tmp_path: Path) -> Claim:
    """A claim whose complete output, a video and its sidecar, has not got its name."""
    target = tmp_path / "clip.mp4"
    temporaries = [temporary_path(path, "7.2") for path in (target, sidecar_path(target))]
    for path, content in zip(temporaries, (VIDEO, SIDECAR), strict=True):
        path.write_bytes(content)
    return Claim(
        job=5,
        part=7,
        attempt=2,
        owner="me",
        source=Path("/in/clip.mp4"),
        target=target,
        settings={},
        frames=None,
        recover=True,
        output_digest=digest_of(temporaries),
        suspect=False,
    )


def test_a_complete_output_gets_its_name_as_far_as_it_has_not_got_it(unnamed: Claim) -> None:
    # As where the worker died between its two renames.
    temporary_path(sidecar_path(unnamed.target), unnamed.tag).rename(sidecar_path(unnamed.target))
    assert finish_publishing(unnamed)
    assert unnamed.target.read_bytes() == VIDEO and sidecar_path(unnamed.target).read_bytes() == SIDECAR
    assert finish_publishing(unnamed), "it may be repeated"
    assert len(list(unnamed.target.parent.iterdir())) == 2


@pytest.mark.parametrize("changed", ["video", "sidecar"])
def test_an_output_that_was_changed_does_not_replace_an_older_one(unnamed: Claim, changed: str) -> None:
    unnamed.target.write_bytes(b"an older output")
    of = unnamed.target if changed == "video" else sidecar_path(unnamed.target)
    temporary_path(of, unnamed.tag).write_bytes({"video": VIDEO, "sidecar": SIDECAR}[changed].upper())
    assert not finish_publishing(unnamed)
    assert unnamed.target.read_bytes() == b"an older output"
    assert list(unnamed.target.parent.iterdir()) == [unnamed.target]


def test_what_a_worker_left_and_nobody_can_remove_does_not_end_another_worker(unnamed: Claim) -> None:
    """As on a share that is away, or read-only: every worker of the fleet ended by it."""
    lost, folder = Lost(unnamed.target, unnamed.tag), unnamed.target.parent
    with made_read_only(folder):
        remove_attempt(lost)
    assert len(list(folder.iterdir())) == 2
    remove_attempt(lost)
    assert not list(folder.iterdir())


def test_an_output_that_a_worker_of_another_ledger_writes_is_tried_again(tmp_path: Path) -> None:
    """Also one of the same ledger, from which an older copy was restored: the attempts have the same numbers."""
    first = AtomicFile(tmp_path / "clip.mp4", "1.1")
    with pytest.raises(BlockingIOError) as caught:
        AtomicFile(tmp_path / "clip.mp4", "1.1")
    assert kind_of(caught.value) == "storage"
    first.abort()


def test_an_older_output_of_the_same_size_is_not_taken_for_one_that_vanished(unnamed: Claim) -> None:
    unnamed.target.write_bytes(VIDEO.upper())
    temporary_path(unnamed.target, unnamed.tag).unlink()
    assert not finish_publishing(unnamed)
    assert list(unnamed.target.parent.iterdir()) == [unnamed.target]


def test_an_output_without_a_sidecar_is_published(unnamed: Claim) -> None:
    temporary_path(sidecar_path(unnamed.target), unnamed.tag).unlink()
    digest = digest_of([temporary_path(unnamed.target, unnamed.tag)])
    alone = dataclasses.replace(unnamed, settings={"sidecar": False}, output_digest=digest)
    sidecar_path(alone.target).write_bytes(b"that of an earlier output")
    assert finish_publishing(alone)
    assert list(alone.target.parent.iterdir()) == [alone.target]


def test_a_preview_gets_its_name_with_its_output_and_that_of_an_earlier_one_goes(unnamed: Claim) -> None:
    with_preview, shown = dataclasses.replace(unnamed, settings={"preview": True}), preview_path(unnamed.target)
    drawn = temporary_path(shown, unnamed.tag)
    drawn.write_bytes(b"the preview")
    for _ in range(2):  # it may be repeated
        assert finish_publishing(with_preview)
        assert shown.read_bytes() == b"the preview" and not drawn.exists()
    assert finish_publishing(unnamed) and not shown.exists()
    assert not finish_publishing(with_preview), "the preview that was asked for is not there"


@pytest.mark.parametrize("failure", [None, OSError("the file has gone")])
def test_what_another_worker_took_over_did_not_fail_here(
    ledger: str, caplog: pytest.LogCaptureFixture, tmp_path: Path, failure: Exception | None
) -> None:
    async def work() -> FileReport:
        async with Database(ledger) as database:
            await submit(database, [NewJob(Path("/in/a.mp4"), tmp_path / "a.mp4", {}, {}, 10)])
            mine = await claim(database, "frozen", lease=0.01)
            assert mine is not None
            part = ClaimedPart(mine, database, lambda _: None, lambda _: None)
            await asyncio.sleep(0.1)
            assert await requeue_lost(database, "next", lease=0.01)
            assert await claim(database, "next") is not None
            state: State = "failed" if failure else "done"
            report = FileReport(mine.source, mine.target, state, str(failure or ""))
            await part.ended(report, failure)
            assert [one.state for one in await list_jobs(database)] == ["running"]
            return report

    report = asyncio.run(work())
    assert "the ledger does not take how it ended: another worker took it over" in caplog.text
    assert report.state == ("not done" if failure else "done")


# The driver, which gets a signal when an output is complete and has not got its name.
AT_PUBLISHING = """
import os
from faceblur.redaction.output import VideoOutput
publish = VideoOutput.publish
def interrupted(output):
    os.kill(os.getpid(), {signal})
    publish(output)
VideoOutput.publish = interrupted
from faceblur.cli import app, fleet
from faceblur.cli.group import main
main()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_the_output_of_a_worker_that_stops_while_it_publishes_is_published_by_another(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path, how: signal.Signals
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 1), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    code = AT_PUBLISHING.format(signal=int(how))
    with WorkerProcess(ledger, function_url, "--until-empty", *LEASE, code=code) as first:
        until(lambda: rows(ledger)[0].state == "publishing")
        with WorkerProcess(ledger, function_url, "--until-empty", *LEASE) as second:
            second.wait()
        assert (rows(ledger)[0].state, rows(ledger)[0].attempt) == ("done", 1)
        before = {path.name: path.stat().st_ino for path in out.iterdir()}
        if how == signal.SIGSTOP:
            first.send(signal.SIGCONT)
            assert "Traceback" not in first.wait()
            assert first.process.returncode == 0, "nothing failed"
    assert rows(ledger)[0].state == "done"
    assert {path.name: path.stat().st_ino for path in out.iterdir()} == before
    assert sorted(before) == ["000.mp4", "000.mp4.faces.jsonl"]
    assert [number(image) for image in frames(out / "000.mp4")] == list(range(24))
