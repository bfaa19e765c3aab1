"""The API's functions on files: they block until the work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from faceblur.base.blocking import run_blocking
from faceblur.base.events import Emit
from faceblur.base.options import Changes, Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.arguments import Paths, endpoint, paths
from faceblur.jobs.image_run import ImageRun
from faceblur.jobs.render_run import RenderRun
from faceblur.jobs.report import Report
from faceblur.jobs.video_run import VideoRun


def blur(
    inputs: Paths,
    out: str | os.PathLike[str],
    *,
    options: Options | None = None,
    function: Sequence[str] | Endpoint = (),
    overwrite: bool = False,
    jobs: int | None = None,
    on_event: Emit | None = None,
) -> Report:
    """Redact videos: files, and every video in directories and below. Outputs keep their tree and names below `out`.

    `function` are the URLs of a deployed function, or an `Endpoint` with more settings; without any, function.yaml's
    function runs on this machine. `jobs` is the number of videos at a time. `on_event` gets every event of
    `faceblur.base.events` as it happens; it is called from another thread where an event loop runs in this one.

    The report has each file's state: a file that fails does not raise. Raises UsageError, a ValueError, when the call
    is wrong, and FunctionError when no function answers.

    >>> report = faceblur.blur("videos", "blurred", options=faceblur.Options(style="solid"))
    >>> report.ok, [one.reason for one in report.failed]
    """
    run = VideoRun(
        paths(inputs),
        Path(out),
        options or Options(),
        endpoint(function),
        overwrite=overwrite,
        jobs=jobs,
        on_event=on_event,
    )
    return run_blocking(run.run())


def blur_images(
    inputs: Paths,
    out: str | os.PathLike[str],
    *,
    options: Options | None = None,
    function: Sequence[str] | Endpoint = (),
    overwrite: bool = False,
    on_event: Emit | None = None,
) -> Report:
    """Redact images, animated ones too; arguments and errors as of `blur`."""
    run = ImageRun(
        paths(inputs), Path(out), options or Options(), endpoint(function), overwrite=overwrite, on_event=on_event
    )
    return run_blocking(run.run())


def render(
    video: str | os.PathLike[str],
    sidecar: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    changes: Changes | None = None,
    overwrite: bool = False,
    on_event: Emit | None = None,
) -> Report:
    """Write a video again from its sidecar, which may have been edited, as the file `out` or into that folder.

    No function is needed. `changes` are options that differ from the sidecar's. The report and the errors are as those
    of `blur`; a sidecar of another video, or one that does not list every frame, fails the file.

    >>> changes = faceblur.Changes(style="solid")
    >>> faceblur.render("clip.mp4", "blurred/clip.mp4.faces.jsonl", "solid.mp4", changes=changes)
    """
    run = RenderRun(Path(video), Path(sidecar), Path(out), changes or Changes(), overwrite=overwrite, on_event=on_event)
    return run_blocking(run.run())
