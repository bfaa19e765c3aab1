"""Videos whose frames change their size or format: such a video is surveyed, and then redacted from its beginning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from faceblur.base.errors import FramesChange, OutsideFrame
from faceblur.base.events import FileRestarted
from faceblur.media.canvas import Canvas
from faceblur.media.survey import Survey
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.written import Written

Canvases = Mapping[int, Canvas]


async def redacted_in_one_form(
    redact: Callable[[Canvases | None], Awaitable[Written]], work: FileWork, *, tolerate: bool
) -> Written:
    """Redact a video, and once more with canvases where its frames turn out to change. Raises what `redact` does.

    The faces of a sidecar are in the output's frames: in a smaller frame of the source they may lie outside.
    """
    try:
        return await redact(None)
    except (FramesChange, OutsideFrame):
        work.emit(FileRestarted(work.source))
    async with OwnThread(partial(Survey, work.source, tolerate=tolerate), "survey") as own:
        with work.at("decode"):
            canvases = await work.on(own.executor, "decode", own.object.choose_canvases, own.stop)
    return await redact(canvases)
