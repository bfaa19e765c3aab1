"""One video: read, searched, masked, written, as stages side by side with a bounded channel between each two.

Memory is bounded by the leases that all files of a run share, and by each video's look-ahead window. No frame is
written that the function did not answer for, or for those on both sides of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from faceblur.base.options import Options
from faceblur.base.stages import Stages, in_order
from faceblur.detection.client import FunctionClient
from faceblur.media.reader import VideoReader
from faceblur.redaction.batch import Batch
from faceblur.redaction.batch_reader import BatchReader, into_batches
from faceblur.redaction.by_hand import check_regions
from faceblur.redaction.changing_frames import Canvases, redacted_in_one_form
from faceblur.redaction.comparison import compare_frames
from faceblur.redaction.frames_with_regions import frames_with_regions
from faceblur.redaction.function_requests import FunctionRequests
from faceblur.redaction.look_ahead import LookAhead
from faceblur.redaction.named_source import json_name, path_from
from faceblur.redaction.output import finish, open_output, write_all
from faceblur.redaction.preview import Preview
from faceblur.redaction.publication import DIRECT, Publication
from faceblur.redaction.search import IntervalSearch
from faceblur.redaction.sidecar_files import identify
from faceblur.redaction.sidecar_format import FunctionUsed, Header, SettingsUsed
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.verification import verification_of
from faceblur.redaction.video_frame import cover_art_frames
from faceblur.redaction.written import Written

# Ready frames wait for the writer in at most so many parts: small frames are handed over many at a time.
READY_PARTS = 16


class MainFrame(NamedTuple):
    """A frame's size in pixels, upright, and the unit of its timestamp in seconds."""

    upright_wh: tuple[int, int]
    time_base: str


async def redact_video(
    target: Path,
    options: Options,
    work: FileWork,
    *,
    client: FunctionClient,
    function: FunctionUsed,
    return_frames: bool,
    publication: Publication = DIRECT,
) -> Written:
    """Write the complete video, or nothing. Raises MediaError, SidecarError or FunctionError; may be cancelled.

    `work` names the source; `function` is what its sidecar records of the function; `publication` decides whether the
    complete output gets its name.
    """
    redact = partial(
        _redact,
        target=target,
        options=options,
        work=work,
        client=client,
        function=function,
        return_frames=return_frames,
        publication=publication,
    )
    return await redacted_in_one_form(redact, work, tolerate=options.tolerate_damage)


async def _redact(
    canvases: Canvases | None,
    *,
    target: Path,
    options: Options,
    work: FileWork,
    client: FunctionClient,
    function: FunctionUsed,
    return_frames: bool,
    publication: Publication,
) -> Written:
    opening = partial(VideoReader, work.source, tolerate=options.tolerate_damage, canvases=canvases, span=options.cut)
    requests = FunctionRequests(client, options, work, return_frames=return_frames)
    searching = partial(IntervalSearch, requests, options, work)
    async with AsyncExitStack() as stack:
        reading = await stack.enter_async_context(OwnThread(opening, "read"))
        reader = reading.object
        frames = reading.until_stopped(frames_with_regions(reader, options))
        batches = into_batches(frames, reader.main_stream.index, options)
        batch_reader = stack.enter_context(BatchReader(batches, reading, client.limit.batches, work))
        main_frame = _main_frame(reader, await batch_reader.first(options.cut))
        check_regions(options, main_frame.upright_wh, work.source)
        cover_art = await reading.call(cover_art_frames, reader, options)
        await searching(pix_fmts={one.stream: one.decoded.pixels.format.name for one in cover_art}).search_all(
            cover_art
        )
        verification = verification_of(client, options, work)
        function = replace(function, verifier=client.verifier if verification else None)
        header = partial(_header, reader, main_frame, target, function, options) if options.sidecar else None
        opening_output = partial(open_output, target, reader, options, header, cover_art, tag=publication.tag)
        writing = await stack.enter_async_context(OwnThread(opening_output, "write"))
        search = searching(pix_fmts=writing.object.writer.pix_fmts)
        look_ahead = LookAhead(reader.main_stream.index, options, work, verification)
        in_flight = client.limit.ceiling
        async with Stages() as stages:
            read = stages.link(batch_reader.read(), capacity=1)
            searched = stages.link(search.search_ends(read, stages.start), capacity=in_flight)
            compared = stages.link(compare_frames(in_order(searched), work), capacity=1)
            masked = stages.link(search.search_between(compared, stages.start), capacity=in_flight)
            tracked = stages.link(look_ahead.track(in_order(masked), stages.start), capacity=in_flight)
            ready = stages.link(look_ahead.mask_faces(in_order(tracked)), capacity=READY_PARTS)
            await write_all(ready, writing, work)
        preview = Preview(work.source, target, opening, writing.stop, options.preview, publication.tag)
        return await finish(
            *(batch_reader.frames, reader, writing, work, publication),
            by_hand=look_ahead.by_hand,
            preview=preview,
        )


def _main_frame(reader: VideoReader, first: Batch) -> MainFrame:
    """What the sidecar records of the main stream's frames."""
    frames: Sequence[Any] = first.frames
    main = next((one for one in frames if one.stream == reader.main_stream.index), frames[0]).decoded
    return MainFrame(main.upright_wh, str(main.time_base))


def _header(reader: VideoReader, main: MainFrame, target: Path, function: FunctionUsed, options: Options) -> Header:
    return Header(
        video=replace(identify(reader.path, reader.duration), path=path_from(target, reader.path)),
        output=json_name(target.name),
        function=function,
        settings=SettingsUsed.of(options),
        frame_wh=main.upright_wh,
        time_base=main.time_base,
    )
