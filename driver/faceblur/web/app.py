"""The review's server: the routes of its HTTP API, `/api/v1`, its page, and what becomes of errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from faceblur.base.errors import FaceblurError, MediaError, SidecarError, UsageError
from faceblur.jobs.failure import why
from faceblur.tracking.boxes import Box
from faceblur.web.following import FollowRequest
from faceblur.web.guard import Guard
from faceblur.web.models import (
    EditsRequest,
    FollowedBoxes,
    FrameFaces,
    JobRequest,
    JobState,
    ShownFrame,
    VerdictRequest,
    VideoDetail,
    VideoSummary,
)
from faceblur.web.review import ChangedMeanwhile, NotThere, Review
from faceblur.web.stills import Layer
from faceblur.web.video_list import ReviewedVideo
from faceblur.web.work import JobRuns, Work
from faceblur_function import __version__

PAGE = Path(__file__).parent / "page"
# Errors with their HTTP status and the code in the answer; the first one that fits.
STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (NotThere, 404, "not_there"),
    (ChangedMeanwhile, 412, "changed_meanwhile"),
    (JobRuns, 409, "busy"),
    (UsageError, 400, "refused"),
    (SidecarError, 422, "unreadable"),
    (MediaError, 422, "unreadable"),
    (Exception, 500, "failed"),
)
MAX_HEIGHT = 4320
SHOWN_SECONDS = 10.0  # of the faces that one answer has
_BOX = re.compile(r"-?\d{1,6}(\.\d{1,6})?(,-?\d{1,6}(\.\d{1,6})?){3}", re.ASCII)
router = APIRouter(prefix="/api/v1")


def _review(request: Request) -> Review:
    review: Review = request.app.state.review
    return review


def _work(request: Request) -> Work:
    work: Work = request.app.state.work
    return work


OfReview = Annotated[Review, Depends(_review)]
OfWork = Annotated[Work, Depends(_work)]


def _video(review: OfReview, key: Annotated[str, InPath(pattern="^[0-9a-f]{12}$")]) -> ReviewedVideo:
    return review.video(key)


OfVideo = Annotated[ReviewedVideo, Depends(_video)]
FrameNumber = Annotated[int, InPath(ge=0, lt=2**31)]
StreamIndex = Annotated[int, Query(ge=0, lt=2**31)]
BoundingFrame = Annotated[int | None, Query(ge=0, lt=2**31)]


def _box(name: str, text: str) -> Box:
    if not _BOX.fullmatch(text):
        raise UsageError(f"{name} is a box x1,y1,x2,y2 in pixels")
    x1, y1, x2, y2 = (float(one) for one in text.split(","))
    return x1, y1, x2, y2


async def _answer(review: Review, work: Work, video: ReviewedVideo, response: Response) -> VideoDetail:
    """All of a video, with the ETag that edits of it name."""
    # Before the rest is read: an edit that comes meanwhile makes the tag old, not the answer.
    response.headers["ETag"] = await asyncio.to_thread(review.state_tag, video)
    return await asyncio.to_thread(review.detail, video, work.of(video))


@router.get("/videos")
async def videos(review: OfReview, work: OfWork) -> list[VideoSummary]:
    """The videos, and how far each one is."""
    return await asyncio.to_thread(lambda: [review.summary(one, work.of(one)) for one in review.videos.values()])


@router.get("/videos/{key}")
async def video(review: OfReview, work: OfWork, video: OfVideo, response: Response) -> VideoDetail:
    """One video, with all that is to be reviewed."""
    return await _answer(review, work, video, response)


@router.get("/videos/{key}/frames/{number}", response_class=Response)
async def frame(
    review: OfReview,
    video: OfVideo,
    number: FrameNumber,
    stream: StreamIndex = 0,
    layer: Layer = "source",
    crop: str | None = None,
    height: Annotated[int | None, Query(ge=8, le=MAX_HEIGHT)] = None,
) -> Response:
    """The exact still of a frame, as JPEG, or what is around a box of it, scaled to a height in pixels."""
    box = None if crop is None else _box("crop", crop)
    content = await asyncio.to_thread(review.still, video, layer, stream, number, box, height)
    return Response(content, media_type="image/jpeg")


@router.get("/videos/{key}/frames/{number}/faces")
async def faces(review: OfReview, video: OfVideo, number: FrameNumber, stream: StreamIndex = 0) -> FrameFaces:
    """What is in a frame, with the edits that were made until now."""
    return await asyncio.to_thread(review.faces, video, stream, number)


@router.get("/videos/{key}/faces")
async def shown(
    review: OfReview,
    video: OfVideo,
    start: Annotated[float, Query(ge=0, lt=1e9)],
    stream: StreamIndex = 0,
) -> list[ShownFrame]:
    """What is in each frame that a player of the output shows from a time on, in seconds, with the edits: of 10 s."""
    return await asyncio.to_thread(review.shown, video, stream, start, start + SHOWN_SECONDS)


@router.get("/videos/{key}/frames/{number}/follow")
async def follow(
    review: OfReview,
    video: OfVideo,
    number: FrameNumber,
    box: str,
    stream: StreamIndex = 0,
    first: BoundingFrame = None,
    last: BoundingFrame = None,
) -> FollowedBoxes:
    """Follow the face in a box of a frame through the frames around it: up to 10 s, or to the frames first and last."""
    request = FollowRequest(stream, number, _box("box", box), first, last)
    return await asyncio.to_thread(review.follow, video, request)


@router.get("/videos/{key}/media/output", response_class=FileResponse)
async def output(video: OfVideo) -> FileResponse:
    """The output as it was last written, also in parts."""
    return FileResponse(video.output)


@router.post("/videos/{key}/edits")
async def edit(
    review: OfReview,
    work: OfWork,
    video: OfVideo,
    request: EditsRequest,
    response: Response,
    if_match: Annotated[str, Header()],
) -> VideoDetail:
    """Append edits, all or none, unless somebody edited since `If-Match` was read."""
    work.check_idle(video)
    await asyncio.to_thread(review.edit, video, request, if_match)
    return await _answer(review, work, video, response)


@router.put("/videos/{key}/findings/{finding}")
async def judge(
    review: OfReview, work: OfWork, video: OfVideo, finding: str, request: VerdictRequest, response: Response
) -> VideoDetail:
    """Take a person's verdict on a finding, and make the edits that it means."""
    work.check_idle(video)
    await asyncio.to_thread(review.judge, video, finding, request)
    return await _answer(review, work, video, response)


@router.post("/videos/{key}/jobs", status_code=202)
async def begin(work: OfWork, video: OfVideo, request: JobRequest) -> JobState:
    """Begin to write the output again and to audit it, or only to audit it."""
    return work.begin(video, request.kind)


@router.get("/jobs")
async def jobs(work: OfWork) -> list[JobState]:
    """The jobs, the last one last."""
    return work.states


@router.delete("/jobs/{job}", status_code=204)
async def cancel(work: OfWork, job: str) -> None:
    """Cancel a job. The output stays as it was."""
    if not work.cancel(job):
        raise NotThere(f"there is no job {job!r:.20}")


def review_app(review: Review, work: Work, token: str) -> FastAPI:
    """The server's application for those who have the token."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await work.stop()

    # Its own pages of the API's documentation load scripts from elsewhere.
    app = FastAPI(title="faceblur review", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.review, app.state.work = review, work
    app.include_router(router)
    for kind in (FaceblurError, OSError, MemoryError, Exception):
        app.add_exception_handler(kind, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_api_route("/", lambda: FileResponse(PAGE / "index.html"), include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE))
    app.add_middleware(Guard, token=token)
    return app


async def _failed(_: Request, error: Exception) -> JSONResponse:
    status, code = next((status, code) for kind, status, code in STATUS if isinstance(error, kind))
    return _error(status, code, why(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))[:80]
    return _error(428 if where == "header.if-match" else 400, "bad_request", f"{where}: {first['msg']}")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "refused", str(error.detail))


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
