"""Writes a video again from its sidecar, which may have been edited: the same stages, but the masks are recorded."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from faceblur.base.errors import SidecarError, UsageError
from faceblur.base.events import FROM_SIDECAR, FramesMasked, GapsMasked, PositionEntered, ReplyReceived
from faceblur.base.face_checks import reaches_into
from faceblur.base.memory_bounds import RENDER_BATCH_BYTES, RENDER_BATCHES
from faceblur.base.options import Changes, Options
from faceblur.base.stages import Stages
from faceblur.detection.gate import Gate
from faceblur.media.reader import VideoReader
from faceblur.redaction.batch import Batch, Ready
from faceblur.redaction.batch_reader import BatchReader, into_batches
from faceblur.redaction.by_hand import ByHand
from faceblur.redaction.changing_frames import Canvases, redacted_in_one_form
from faceblur.redaction.edit_operations import SparedTrack
from faceblur.redaction.edits import Edits, read_edits
from faceblur.redaction.frame import all_pixels
from faceblur.redaction.listed_masks import listed_boxes, listed_faces
from faceblur.redaction.named_source import json_name, path_from
from faceblur.redaction.output import finish, open_output, write_all
from faceblur.redaction.preview import Preview
from faceblur.redaction.sidecar_files import SidecarReader, identify, sidecar_path
from faceblur.redaction.sidecar_format import FrameLine, Header
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.video_frame import VideoFrame, cover_art_frames, video_frames
from faceblur.redaction.written import Written


async def render_video(sidecar: Path, target: Path, changes: Changes, work: FileWork) -> Written:
    """Write the video again with the sidecar's faces masked, and a sidecar beside it. All of it, or nothing.

    `work` names the video. Raises MediaError, and SidecarError when the sidecar belongs to another video or does not
    list every frame.
    """
    render = partial(_render, sidecar=sidecar, target=target, changes=changes, work=work)
    return await redacted_in_one_form(render, work, tolerate=changes.tolerate_damage)


async def _render(
    canvases: Canvases | None, *, sidecar: Path, target: Path, changes: Changes, work: FileWork
) -> Written:
    async with AsyncExitStack() as stack:
        recorded = stack.enter_context(SidecarReader(sidecar))
        work.emit(ReplyReceived(work.source, recorded.header.function.model, FROM_SIDECAR, 0, {}))
        options = rendered_options(sidecar, recorded.header, changes)
        opening = partial(
            VideoReader, work.source, tolerate=options.tolerate_damage, canvases=canvases, span=options.cut
        )
        reading = await stack.enter_async_context(OwnThread(opening, "read"))
        reader = reading.object
        if not identify(work.source, reader.duration).is_of(recorded.header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({recorded.header.video.name}) than {work.source}")
        spared = [SparedTrack(track, reader.main_stream.index) for track in changes.spare_tracks]
        edits = Edits((*read_edits(sidecar).operations, *spared))
        masks = RecordedMasks(recorded, edits, work, options, reader.shown_zero)
        cover_art = await reading.call(cover_art_frames, reader, options)
        for one in cover_art:
            masks.take_line(one)
            masks.mask(one, {one.stream: one.decoded.pixels.format.name})
        frames = reading.until_stopped(video_frames(reader))
        batches = into_batches(frames, reader.main_stream.index, options, RENDER_BATCH_BYTES)
        batch_reader = stack.enter_context(BatchReader(batches, reading, Gate(lambda: RENDER_BATCHES), work))
        first: list[Any] = (await batch_reader.first(options.cut)).frames
        recorded.check_size([one.decoded.upright_wh for one in first], reader.videos.values())
        header = header_to_write(recorded, edits, changes, target, work.source)
        opening_output = partial(open_output, target, reader, options, header, cover_art)
        writing = await stack.enter_async_context(OwnThread(opening_output, "write"))
        # Only now no other process can write this output, with edits that this one does not know, or its sidecar.
        if not recorded.is_current() or (*read_edits(sidecar).operations, *spared) != edits.operations:
            raise SidecarError(f"{sidecar}: somebody edited it at the same time, or wrote it again: try again")
        async with Stages() as stages:
            read = stages.link(batch_reader.read(), capacity=1)
            ready = stages.link(masks.mask_recorded(read, writing.object.writer.pix_fmts), capacity=RENDER_BATCHES)
            await write_all(ready, writing, work)
        preview = Preview(work.source, target, opening, writing.stop, changes.preview, recorded=sidecar, edits=edits)
        written = await finish(
            *(batch_reader.frames, reader, writing, work),
            by_hand=masks.by_hand,
            preview=preview,
        )
        return replace(written, damage=(*written.damage, *recorded.corrections()))


def rendered_options(sidecar: Path, header: Header, changes: Changes) -> Options:
    """How a video is rendered. Raises SidecarError for a header with settings that no run has.

    How the faces were detected does not matter to it: the header's `threshold` and `look_around` may be any.
    """
    recorded = header.settings
    try:
        return Options(
            style=changes.style or recorded.style,
            padding=recorded.padding if changes.padding is None else changes.padding,
            encoder=changes.encoder or recorded.encoder,
            crf=recorded.crf if changes.crf is None else changes.crf,
            preset=changes.preset or recorded.preset or Options().preset,
            keep_location=changes.keep_location,
            tolerate_damage=changes.tolerate_damage,
            detect_every=1,
            cover=recorded.cover or (),
            spare=recorded.spare or (),
            start=recorded.start,
            end=recorded.end,
            keep_rest=bool(recorded.keep_rest),
        )
    except UsageError as error:
        raise SidecarError(f"{sidecar}: line 1: {error}") from error


def header_to_write(
    recorded: SidecarReader, edits: Edits, changes: Changes, target: Path, source: Path
) -> Callable[[], Header] | None:
    """The header of the new output's sidecar; None where it is rendered over the output of the sidecar, which stays.

    Raises SidecarError where that sidecar would have to change, and has edits: they are of the one that is there.
    """
    changed = rendered_header(recorded.header, changes, target, source)
    in_place = sidecar_path(target).exists() and sidecar_path(target).samefile(recorded.path)
    if in_place and changes.spare_tracks:
        raise SidecarError(
            f"{recorded.path}: it would not list what is spared: write another output, or call faceblur edit"
        )
    if in_place and changed.settings == recorded.header.settings:
        return None
    if in_place and edits:
        raise SidecarError(
            f"{recorded.path}: has edits, which other options would part from it: write another output with them"
        )
    return lambda: changed


def rendered_header(header: Header, changes: Changes, target: Path, source: Path) -> Header:
    """The header of the new output's sidecar."""
    names = ("style", "padding", "encoder", "crf", "preset")
    changed: dict[str, Any] = {name: value for name in names if (value := getattr(changes, name)) is not None}
    changed["keep_location"] = changes.keep_location or None
    video = replace(header.video, path=path_from(target, source))
    return replace(header, video=video, output=json_name(target.name), settings=replace(header.settings, **changed))


class RecordedMasks:
    """Hands out a sidecar's lines as they were edited, each for its frame; those of different streams in any order.

    `zero` is the time of a frame, in seconds, at which a player of the output shows zero.
    """

    def __init__(self, sidecar: SidecarReader, edits: Edits, work: FileWork, options: Options, zero: float) -> None:
        self._sidecar, self._edits, self._work, self._options = sidecar, edits, work, options
        self._path, self._lines, self._zero = sidecar.path, iter(sidecar), zero
        self._early: dict[int, deque[FrameLine]] = defaultdict(deque)
        self.by_hand = ByHand()

    def take_line(self, frame: VideoFrame) -> None:
        """Set a frame's line. Raises SidecarError when there is none, or one of another time."""
        early = self._early[frame.stream]
        while not early:
            line = next(self._lines, None)
            if line is None:
                raise SidecarError(
                    f"{self._path}: lists {frame.number} frames, the video has more: they would stay clear"
                )
            self._early[line.stream].append(line)
        frame.line = early.popleft()
        if frame.line.pts != frame.decoded.pts:
            raise SidecarError(
                f"{self._path}: frame {frame.number} is at {frame.line.pts}, in the video at {frame.decoded.pts}"
            )
        frame.line = self._edits.fold(frame.line, frame.decoded.seconds - self._zero)

    def mask(self, frame: VideoFrame, pix_fmts: Mapping[int, str]) -> None:
        """Mask what a frame's line lists."""
        assert frame.line is not None
        frame.convert(pix_fmts)
        frame_wh, padding = frame.decoded.upright_wh, self._options.padding
        self._sidecar.check_in_frame(frame.line, frame_wh, self._edits.added_boxes)
        # With less padding than it was recorded with, a box beside the frame has no part in it.
        faces = [face for face in frame.line.faces if reaches_into(face.box, frame_wh, face.padding(padding))]
        if len(faces) < len(frame.line.faces):
            frame.line = replace(frame.line, faces=faces)
        frame.mask(listed_faces(faces), style=self._options.style, padding=padding)
        frame.mask_regions(listed_boxes(faces), style=self._options.style)

    async def mask_recorded(self, batches: AsyncIterable[Batch], pix_fmts: Mapping[int, str]) -> AsyncGenerator[Ready]:
        """Mask what the sidecar lists in each frame. Raises SidecarError unless it lists exactly the video's frames."""
        count = 0
        async for batch in batches:
            count += len(batch.frames)
            await self._mask_all(batch.frames, pix_fmts)
            yield Ready(batch.frames, batch.tail, batch.lease)
        if next(self._lines, None) is not None or any(self._early.values()):
            raise SidecarError(f"{self._path}: lists more frames than the {count} of {self._work.source}")

    async def _mask_all(self, frames: list[Any], pix_fmts: Mapping[int, str]) -> None:
        source = self._work.source
        for frame in frames:
            self.take_line(frame)
        masks = [partial(self.mask, frame, pix_fmts) for frame in frames]
        await self._work.spread("mask", masks, all_pixels(frames))
        for frame in frames:
            self.by_hand.add_line(frame.line)
        states = Counter(face.state for frame in frames for face in frame.line.faces if face.is_masked)
        self._work.emit(FramesMasked(source, len(frames), states.pop("detected", 0)))
        for state, faces in states.items():
            self._work.emit(GapsMasked(source, faces, state))
        self._work.emit(PositionEntered(source, "ready"))
