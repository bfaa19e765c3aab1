"""The command `review`: a page on which people check and correct outputs."""

from __future__ import annotations

import dataclasses
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceblur.base.counted import counted
from faceblur.base.errors import MediaError, UsageError
from faceblur.base.events import Emit
from faceblur.cli.group import main
from faceblur.cli.options import FUNCTION, LOGGING
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.auditing.progress import AuditProgress
    from faceblur.web.work import Progress

PORT = 8090


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port to listen on. 0 chooses a free one.  [default: 8090]",
)
@FUNCTION
@LOGGING
def review(source: Path, output: Path, port: int | None, endpoint: Endpoint, verbosity: Verbosity) -> None:
    """Serve a page on which people check and correct outputs.

    OUTPUT is an output of SOURCE, or a folder of outputs, and SOURCE that of their sources. The page shows the tracks
    and the audit's findings, takes edits, writes the outputs again and audits them. It shows people's faces: only who
    has the link that is printed can open it. No output is changed before somebody applies the edits.
    """
    import asyncio

    from faceblur.cli.exit_codes import DONE, execute

    async def command(_: Console) -> int:
        try:
            from faceblur.web.app import review_app
            from faceblur.web.server import ReviewServer
        except ImportError as error:
            way_out = f"{sys.executable} -m pip install fastapi uvicorn"
            raise UsageError(f"fastapi and uvicorn are missing: {way_out}") from error
        from faceblur.auditing.folder_audit import find_outputs
        from faceblur.web.review import Review
        from faceblur.web.video_list import reviewed_videos
        from faceblur.web.work import Work

        for path in (source, output):
            check_exists(path)
        videos = reviewed_videos(await asyncio.to_thread(find_outputs, source, output), output)
        if not videos:
            raise UsageError(f"{output}: there is no output of a run in it")
        token = secrets.token_urlsafe(24)
        app = review_app(Review(videos), Work(ReviewTools(endpoint)), token)
        async with ReviewServer(app, PORT if port is None else port) as server:
            print(f"{counted(len(videos), 'video')} to review: {server.url}/?token={token}", flush=True)
            print("Only who has this link can open it. Ctrl-C ends it.", flush=True)
            await server.until_closed()
        return DONE

    sys.exit(execute(command, verbosity, interrupted="the page is closed; edits and verdicts are kept"))


def check_exists(path: Path) -> None:
    """Raises UsageError."""
    if not os.path.exists(path):
        raise UsageError(f"{path}: no such file or directory")


@dataclasses.dataclass(frozen=True, slots=True)
class ReviewTools:
    """Writes outputs again and audits them, by the detectors of an endpoint."""

    endpoint: Endpoint

    async def render(self, source: Path, output: Path, on_event: Emit) -> None:
        from faceblur.jobs.render_run import EditRun

        report = await EditRun(output, source=source, on_event=on_event).run()
        for failed in report.failed:
            raise MediaError(f"{output}: {failed.reason}")

    async def audit(self, source: Path, output: Path, on_progress: Progress) -> None:
        from faceblur.auditing.audit import audit

        def advance(progress: AuditProgress) -> None:
            on_progress(progress.frames, progress.total)

        await audit(source, output, endpoint=self.endpoint, on_progress=advance)
