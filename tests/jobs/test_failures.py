"""Whatever goes wrong with one file is this file's failure, in one line: the others go on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.report import Report
from faceblur.jobs.video_run import VideoRun
from faceblur.media import source_file
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from tests.support.no_faces import no_faces

ERRORS = [AttributeError("a"), IndexError("b"), KeyError("c"), RecursionError("d"), UnicodeError("e"), ValueError("f")]


def run(folder: Path, journal: Journal | None = None) -> Report:
    """A run over a folder's videos."""

    async def execute() -> Report:
        async with no_faces([]) as server:
            endpoint = Endpoint(urls=(server.url,))
            options = Options(returned="faces")
            return await VideoRun([folder / "in"], folder / "out", options, endpoint, journal=journal).run()

    return asyncio.run(execute())


@pytest.fixture
def videos(face: Image, tmp_path: Path) -> Path:
    for name in ("bad.mp4", "good.mp4"):
        write_clip(tmp_path / "in" / name, pan(face, (64, 48), 4), audio_codec=None)
    return tmp_path


def raising_for_bad(error: Exception, method: Callable[..., object]) -> Callable[..., object]:
    """A method that raises for the source `bad.mp4`."""

    def wrapped(self: VideoReader, *arguments: object, **options: object) -> object:
        path = getattr(self, "path", None) or arguments[0]
        if "bad" in str(path):
            raise error
        return method(self, *arguments, **options)

    return wrapped


@pytest.mark.parametrize("error", [*ERRORS, MemoryError()], ids=repr)
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (source_file.SourceFile, "__init__"),
        (source_file.SourceFile, "_sort"),
        (source_file.SourceFile, "output_name"),
        (VideoReader, "__iter__"),
        (VideoReader, "cover_art_frames"),
        (VideoWriter, "_open"),
        (VideoWriter, "write"),
        (VideoWriter, "complete"),
    ],
)
def test_no_exception_of_a_file_ends_the_run(
    videos: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception
) -> None:
    monkeypatch.setattr(owner, name, raising_for_bad(error, getattr(owner, name)))
    files = run(videos).files
    assert {path.name: one.state for path, one in files.items()} == {"bad.mp4": "failed", "good.mp4": "done"}
    reason = files[videos / "in" / "bad.mp4"].reason
    assert reason and "\n" not in reason
    assert ("memory ran out" if isinstance(error, MemoryError) else str(error)) in reason
    assert sorted(path.name for path in (videos / "out").glob("*.mp4")) == ["good.mp4"]


def test_a_link_that_leads_to_itself_fails_alone(videos: Path) -> None:
    os.symlink("loop.mp4", videos / "in" / "loop.mp4")
    states = {path.name: one.state for path, one in run(videos).files.items()}
    assert states == {"bad.mp4": "done", "good.mp4": "done", "loop.mp4": "failed"}


def test_a_journal_that_cannot_be_written_ends_nothing(videos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (videos / "journal").touch()
    journal = Journal(videos / "journal")
    (videos / "journal").unlink()
    (videos / "journal").mkdir()
    states = [one.state for one in run(videos, journal).files.values()]
    assert states == ["done", "done"]
    assert [record.message for record in caplog.records if "cannot be written" in record.message]


@pytest.mark.parametrize("rest", [b"garbage", b"\x80\x05\x95", b"\nZ2FyYmFnZQ==", b"\nSTEu", b"\ngAVLAS4"])
def test_a_crash_is_read_from_a_journal_with_a_broken_entry(tmp_path: Path, rest: bytes) -> None:
    journal = Journal(tmp_path / "journal")
    journal.write("begun", Path("a"))
    with (tmp_path / "journal").open("ab") as file:
        file.write(rest)
    assert Journal(tmp_path / "journal").crashed("SIGSEGV")
