"""Where frames are written: a video and its sidecar, frame by frame together, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from faceblur.base.errors import MediaError
from faceblur.base.events import PositionLeft
from faceblur.base.options import Options
from faceblur.base.stages import Channel
from faceblur.media.preview_writer import PreviewWriter, remove_preview
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from faceblur.redaction.batch import Ready
from faceblur.redaction.by_hand import ByHand
from faceblur.redaction.frame import all_pixels
from faceblur.redaction.preview import Preview
from faceblur.redaction.publication import DIRECT, Publication
from faceblur.redaction.sidecar_files import SidecarWriter, sidecar_path
from faceblur.redaction.sidecar_format import FrameLine, Header, SidecarFace, edits_path
from faceblur.redaction.threads import FileWork, OwnThread, are_small
from faceblur.redaction.video_frame import VideoFrame
from faceblur.redaction.written import Written


def open_output(
    target: Path,
    reader: VideoReader,
    options: Options,
    header: Callable[[], Header] | None,
    cover_art: Sequence[VideoFrame],
    *,
    tag: str = "",
) -> VideoOutput:
    """Open an output, with a sidecar if `header` gives one; the cover art, which is masked, is written first.

    Without one, a sidecar that is there stays only if the options want one: then the output is rendered from it.
    `tag` is in the names of its temporary files.
    """
    writer = VideoWriter(target, reader, options, [one.decoded for one in cover_art], tag=tag)
    output = VideoOutput(writer, options.threshold, keeps_sidecar=header is None and options.sidecar, tag=tag)
    try:
        if header is not None:
            output.sidecar = SidecarWriter(sidecar_path(target), header(), tag=tag)
        for one in cover_art:
            output.write_line(one)
    except BaseException:
        output.abort()
        raise
    return output


async def write_all(ready: Channel[Ready], own: OwnThread[VideoOutput], work: FileWork) -> None:
    """Write frames as they become ready, and give back the memory of their batches."""
    async for one in ready:
        parts = [one]
        # Many small frames at a time: to hand each batch over by itself would take longer than to write it.
        while are_small(all_pixels(parts[-1].frames)) and (more := ready.waiting()) is not None:
            parts.append(more)
        for part in parts:
            if part.lease is not None:
                work.emit(PositionLeft(work.source, "ready"))
        with work.at("encode"):
            await work.on(own.executor, "write", _write, own, parts)
        for part in parts:
            if part.lease is not None:
                part.lease.release()


def _write(own: OwnThread[VideoOutput], parts: Sequence[Ready]) -> None:
    for part in parts:
        for frame in part.frames:
            if own.stop.is_set():
                return
            own.object.write(frame)  # type: ignore[arg-type]
        for packet in part.tail:
            own.object.writer.write(packet)


async def finish(
    read: Mapping[int, int],
    reader: VideoReader,
    writing: OwnThread[VideoOutput],
    work: FileWork,
    publication: Publication = DIRECT,
    *,
    by_hand: ByHand,
    preview: Preview,
) -> Written:
    """Give the output its name, once every frame that was `read`, counted by stream, is in it. Raises MediaError.

    The preview gets its name, or that of an earlier output is removed, once the publication allows it: an output
    without the one that was asked for, or with that of an earlier one, is not done.
    """
    output = writing.object
    output.writer.sequence.check_complete(read)
    damage = tuple(reader.damage.summary())
    with work.at("encode"):
        files = await work.on(writing.executor, "write", output.complete)
        stage = "preview" if preview.wanted else "write"
        await work.on(writing.executor, stage, output.draw, preview, files[1] if len(files) > 1 else None)
        await publication.begin(files)
        await work.on(writing.executor, "write", output.publish)
    notes = *by_hand.notes(), *output.edits_left_out()
    return Written((*reader.left_out, *output.writer.left_out), damage, notes)


class VideoOutput:
    """A video and its sidecar, None for no new one. Both get their final names by `publish`; closing removes them else.

    `keeps_sidecar`: the one that is there belongs to this output. A context manager. Raises MediaError or SidecarError,
    which name the file.
    """

    def __init__(self, writer: VideoWriter, threshold: float, *, keeps_sidecar: bool, tag: str) -> None:
        self.writer, self._threshold, self._keeps_sidecar, self._tag = writer, threshold, keeps_sidecar, tag
        self.sidecar: SidecarWriter | None = None
        self.preview: PreviewWriter | None = None

    def write(self, frame: VideoFrame) -> None:
        """Write the packets that come before a frame, its line in the sidecar, and the frame."""
        for packet in frame.packets:
            self.writer.write(packet)
        self.write_line(frame)
        self.writer.write(frame.decoded)

    def write_line(self, frame: VideoFrame) -> None:
        """Write a frame's line in the sidecar."""
        if self.sidecar is not None:
            self.sidecar.write(frame.line or line_of(frame, self._threshold))

    def complete(self) -> tuple[Path, ...]:
        """Flush both to the disk. Returns their temporary paths, the video's first."""
        sidecar = () if self.sidecar is None else (self.sidecar.complete(),)
        return self.writer.complete(), *sidecar

    def draw(self, preview: Preview, sidecar: Path | None) -> None:
        """Write the preview, if it is wanted, from this sidecar; None: from the one that is there."""
        self.preview = preview.write(sidecar)

    def edits_left_out(self) -> Iterator[str]:
        """What is to be reported where people edited an earlier output of this name: its new sidecar has no edits."""
        if self.sidecar is not None and (edits := edits_path(self.sidecar.path)).exists():
            yield f"edited before: {edits.name} is not in this output; faceblur edit puts it in, if it still fits"

    def publish(self) -> None:
        """Give all their names, and remove an earlier output's preview.

        Not even a kill in between leaves an output beside the sidecar of another run.
        """
        has_stale_sidecar = self.sidecar is None and not self._keeps_sidecar
        if self.preview is not None:
            self.preview.publish()
        elif not self._tag:
            remove_preview(self.writer.path)
        # What a fleet's attempt did not finish, its ledger knows; and an attempt that was taken over removes nothing.
        if not self._tag and not self._keeps_sidecar:
            self._remove(self.writer.path)
            if has_stale_sidecar:
                self._remove(sidecar_path(self.writer.path))
        # A sidecar without its video is written again by the next run; the other way round it would stay missing.
        if self.sidecar is not None:
            self.sidecar.publish()
        self.writer.publish()
        if self._tag and has_stale_sidecar:
            self._remove(sidecar_path(self.writer.path))
        if self._tag and self.preview is None:
            remove_preview(self.writer.path)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise MediaError(f"{path}: cannot be replaced: {error.strerror}") from error

    def abort(self) -> None:
        """Remove the temporary files. Does nothing once they have their names."""
        self.writer.abort()
        if self.sidecar is not None:
            self.sidecar.abort()
        if self.preview is not None:
            self.preview.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


def line_of(frame: VideoFrame, threshold: float) -> FrameLine:
    """The sidecar's line of a frame that is masked: its faces by track; those of cover art have none."""
    faces = [
        SidecarFace(
            box=box,
            score=frame.scores.get(track),
            track=track,
            state="spared" if frame.is_spared(box) else frame.state_of(track),
        )
        for track, box in sorted(frame.masks.items())
    ]
    if not frame.masks and not frame.rejected:
        above = [one for one in frame.detections if one.score >= threshold]
        faces = [SidecarFace(box=one.box, score=one.score, state="detected") for one in above]
    faces += [
        SidecarFace(box=box, score=frame.scores.get(track), track=track, state="rejected", second_score=score)
        for track, (box, score) in sorted(frame.rejected.items())
    ]
    faces += [SidecarFace(box=region.box, state="region") for region in frame.cover]
    decoded = frame.decoded
    return FrameLine(
        frame=frame.number,
        pts=decoded.pts,
        faces=faces,
        stream=frame.stream,
        damage=decoded.damage,
        unsearched=frame.in_rest or None,
        searched=frame.is_searched or None,
    )
