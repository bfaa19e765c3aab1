"""An opened video file: its streams, sorted by what becomes of each in an output, and what its header promises."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import av
from av.stream import Disposition

from faceblur.base.errors import MediaError, NoVideo
from faceblur.base.time_span import TimeSpan
from faceblur.media.canvas import Canvas
from faceblur.media.containers import MUXERS, holds, output_name
from faceblur.media.damage import DamageLog
from faceblur.media.encoder_tables import written_codec
from faceblur.media.hidden_files import picture_format
from faceblur.media.opening import NotOpened, open_input
from faceblur.media.pyav import READ_ERRORS, codec_of, describe, reason
from faceblur.media.span_chapters import cut_chapters, span_note
from faceblur.media.stream_copy import lost_streams

# Encoded audio may begin so much before the first frame with what its encoder needs, and no player plays.
PRIMING_SECONDS = 0.1
MIN_FRAME_BYTES = 400  # that a frame of MPEG-TS or MPEG-PS takes on average, with all that comes with it


class SourceFile:
    """A video file that is open for reading. A context manager. Raises MediaError, which names the file.

    By the source's index, `videos` are the streams to redact, `cover_art` those that are one attached image; `copied`
    are those to copy. `main_stream` is the first of `videos`. `left_out` lists the streams that are neither
    redacted nor copied. `damage` records what could not be read; with `tolerate` it does not end the reading.
    `canvases` are the forms that a survey chose for the streams whose frames change theirs. With a `span` only that is
    read.
    """

    def __init__(
        self,
        path: Path,
        *,
        tolerate: bool = False,
        canvases: Mapping[int, Canvas] | None = None,
        span: TimeSpan | None = None,
    ) -> None:
        self.path, self.canvases, self.span = path, canvases or {}, span
        self.damage = DamageLog(path, tolerate=tolerate)
        self.videos: dict[int, Any] = {}
        self.cover_art: dict[int, Any] = {}
        self.copied: list[Any] = []
        self.left_out: list[str] = [one.note for one in self.canvases.values() if one.note]
        try:
            self.container = open_input(path)
        except NotOpened as error:
            raise MediaError(f"{path}: {error}") from error
        except READ_ERRORS as error:
            raise MediaError(f"{path}: not a video that can be read: {reason(error)}") from error
        try:
            for stream in cast(Any, self.container.streams):
                self._sort(stream)
            if not self.videos:
                has_video = self.container.streams.video and not self.cover_art
                if has_video:
                    raise MediaError(f"{path}: its video stream cannot be decoded")
                raise NoVideo(f"{path}: no video stream")
        except BaseException:
            self.container.close()
            raise
        self.main_stream = next(iter(self.videos.values()))
        # As the header says: decoding changes them.
        self._sizes_wh = {index: (stream.width, stream.height) for index, stream in self.videos.items()}
        if span is not None:
            self._leave_out_rest(span)

    def _sort(self, stream: Any) -> None:
        if stream.type in ("audio", "subtitle") and not codec_of(stream):
            self.left_out.append(f"{describe(stream)}: FFmpeg does not know its codec")
        elif stream.type == "attachment" and picture_format(stream.data):
            self.cover_art[stream.index] = stream
        elif stream.type in ("audio", "subtitle", "data", "attachment"):
            self.copied.append(stream)
        elif stream.type != "video":
            self.left_out.append(describe(stream))
        elif stream.disposition & Disposition.attached_pic:
            self.cover_art[stream.index] = stream
        elif stream.codec_context is not None and stream.width and stream.height:
            self.videos[stream.index] = stream
        elif stream.codec_context is not None:
            self.left_out.append(f"{describe(stream)}: nothing of it can be decoded in the file's beginning")
        else:
            self.left_out.append(f"{describe(stream)}, which cannot be decoded")

    def _leave_out_rest(self, span: TimeSpan) -> None:
        """Report what lies outside of a span, and what is of the file's beginning."""
        lost = len(self.container.chapters()) - len(self.chapters)
        self.left_out.append(span_note(span, lost))
        timecodes = [one for one in self.copied if one.type == "data" and "timecode" in one.metadata]
        self.copied = [one for one in self.copied if one not in timecodes]
        tagged = [one.metadata for one in (self.container, *self.container.streams) if "timecode" in one.metadata]
        for tags in tagged if span.start else ():
            del tags["timecode"]
        if tagged and span.start:
            self.left_out.append("its timecode, which is that of the first frame")

    @property
    def chapters(self) -> list[Any]:
        """The chapters, of the span if there is one."""
        chapters = self.container.chapters()
        return chapters if self.span is None else cut_chapters(chapters, self.span.moved(self.start))

    @property
    def origin(self) -> float:
        """The time of a frame, in seconds, at which a player of the complete file shows zero."""
        return self.start if self.span is None else -self.span.start

    @property
    def shown_zero(self) -> float:
        """The time of a frame, in seconds, at which a player of the output shows zero: a span is a video of its own."""
        return self.start if self.span is None else 0.0

    @property
    def frames_end(self) -> float | None:
        """The time in seconds at which the last frame ends, by the header; None where it holds none."""
        if self.span is None or self.end is None:
            return self.end
        return self.span.length_of(self.end - self.start)

    @property
    def formats(self) -> list[str]:
        """FFmpeg's names of the container, such as `mov`, `mp4` and others for one family."""
        return self.container.format.name.split(",")

    def output_name(self, codec: str | None = None) -> str:
        """The file name of an output that is written in this codec, None: in the source's own."""
        copied = [one for one in self.copied if one.type in ("audio", "subtitle")]
        return output_name(self.path, self._written_codecs(codec), partial(lost_streams, streams=copied))

    def fits(self, target: Path, codec: str | None = None) -> bool:
        """Whether the container that a file name names takes the videos when they are written in this codec."""
        return all(holds(MUXERS[target.suffix.lower()], one) for one in self._written_codecs(codec))

    def _written_codecs(self, codec: str | None) -> list[str]:
        return [written_codec(codec or codec_of(one)) for one in self.videos.values()]

    @property
    def expected_frames(self) -> int | None:
        """How many frames of all videos the header promises, for progress; None where it lacks a number for one."""
        counts = [self._expected(stream) for stream in self.videos.values()]
        total = sum(filter(None, counts)) if all(counts) else None
        if self.span is None or total is None or not self.duration:
            return total if self.span is None else None
        return round(total * self.span.length_of(self.duration) / self.duration)

    def _expected(self, stream: Any) -> int | None:
        rate = stream.average_rate
        if stream.frames:
            return int(stream.frames)
        seconds = float(stream.duration * stream.time_base) if stream.duration else self.duration
        if not rate or not seconds:
            return None
        frames = round(seconds * float(rate))
        # Where the clock of a joined recording jumps, FFmpeg takes the jump for a part of its length.
        is_guess = {"mpegts", "mpeg"} & set(self.formats)
        return None if is_guess and frames * MIN_FRAME_BYTES > self.container.size else frames

    @property
    def duration(self) -> float | None:
        """The length of the file in seconds by its header, None where it holds none."""
        return self.container.duration / av.time_base if self.container.duration else None

    @property
    def start(self) -> float:
        """The time at which a player begins, in seconds: it shows this time as zero."""
        return self._container_start + self.priming

    @property
    def priming(self) -> float:
        """How long the sound of a file plays before its first frame, in seconds; 0 where that is no encoder's priming.

        Players that count from there show times that are later by so much.
        """
        stream, start = self.main_stream, self._container_start
        first = start if stream.start_time is None else float(stream.start_time * stream.time_base)
        return first - start if 0 < first - start < PRIMING_SECONDS else 0.0

    @property
    def _container_start(self) -> float:
        return (self.container.start_time or 0) / av.time_base

    @property
    def end(self) -> float | None:
        """The time of the file's end in seconds by its header, None where it holds none."""
        # A header counts from zero, also where the first frame comes later; a clock that turns over begins below zero.
        return None if self.duration is None else self.duration + min(0.0, self._container_start)

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
