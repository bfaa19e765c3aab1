"""Reading and writing videos, the one module on PyAV: frames with their own timestamps, other streams copied by packet.

The output is written under a temporary name beside its final one, flushed to the disk, and renamed when it is whole.
"""

from __future__ import annotations

import fcntl
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from driver.errors import UsageError, VideoError
from driver.files import fsync_folder, temporary_path
from driver.formats import DEFAULT_ENCODER, ENCODER_BY_FORMAT, MUXERS

# Formats that open as video but are none: still images, subtitles, listings, text drawn as on a terminal.
NOT_VIDEO = frozenset({"image2", "tty", "concat", "hls", "dash", "sdp", "rtsp", "lavfi", "srt", "ass", "webvtt", "gif"})
# A file is cut when less came than its header promises; headers are not exact to the packet.
CUT_SHORT_SECONDS = 1.0
__all__ = ["ColorRange", "Encoding", "Packet", "VideoFrame", "VideoReader", "VideoWriter", "from_bgr"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the video stream is written again. `encoder` None: what the container's field would use."""

    encoder: str | None = None
    crf: int = 18
    preset: str = "veryfast"


class VideoReader:
    """Iterates a video: decoded frames of its main video stream, and packets of the streams to copy, as they come.

    A context manager. Raises VideoError, which names the file, on opening and while iterating.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size == 0:
                raise VideoError(f"{path}: the file is empty")
            # A file may name others, on the network too (playlists do): only this one is read.
            options = {"protocol_whitelist": "file"}
            self.container: InputContainer = av.open(f"file:{path}", options=options, metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            raise VideoError(f"{path}: not a video that can be read: {_reason(error)}") from error
        try:
            self.stream = self._main_stream()
        except VideoError:
            self.container.close()
            raise
        self.stream.thread_type = "AUTO"
        # Data streams and further videos are not copied: they may show faces, or say where. They are named instead.
        self.copied = [stream for stream in self.container.streams if stream.type in ("audio", "subtitle")]
        kept = {self.stream.index} | {stream.index for stream in self.copied}
        self.left_out = [_describe(stream) for stream in self.container.streams if stream.index not in kept]

    def _main_stream(self) -> Any:
        name = self.container.format.name
        if name.endswith("_pipe") or NOT_VIDEO & set(name.split(",")):
            raise VideoError(f"{self.path}: not a video ({self.container.format.long_name})")
        for stream in self.container.streams.video:
            if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
                if stream.codec_context is None or not stream.width or not stream.height:
                    raise VideoError(f"{self.path}: its video stream cannot be decoded")
                return stream
        raise VideoError(f"{self.path}: no video stream")

    @property
    def expected_frames(self) -> int | None:
        """How many frames the header lets expect, for progress; None where it holds nothing to go by."""
        stream, rate = self.stream, self.stream.average_rate
        if stream.frames:
            return int(stream.frames)
        if rate and stream.duration:
            return round(float(stream.duration * stream.time_base * rate))
        return round(float(self.container.duration / av.time_base * rate)) if rate and self.container.duration else None

    @property
    def duration(self) -> float | None:
        """The length of the file in seconds, as its header tells it."""
        return self.container.duration / av.time_base if self.container.duration else None

    def __iter__(self) -> Iterator[VideoFrame | Packet[Any]]:
        video, seen, end = self.stream, 0, 0.0
        # AVI holds no presentation times: the frames, in the order of display, have the packets' times in theirs.
        untimed: list[int] | None = [] if self.container.format.name == "avi" else None
        try:
            # Every stream is read, copied or not: the header's length is that of the longest.
            packets: Iterator[Any] = self.container.demux()
            for packet in packets:
                if packet.size and packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is not video:
                    if packet.size and packet.stream in self.copied:
                        yield packet
                    continue
                seen += bool(packet.size)
                if packet.is_corrupt:
                    raise VideoError(f"{self.path}: damaged at {_time(packet.pts, packet.time_base)}")
                if untimed is not None and packet.size:
                    heapq.heappush(untimed, packet.dts)
                for frame in packet.decode():
                    if untimed:
                        frame.pts = heapq.heappop(untimed)
                    yield self._checked(frame)
        except (av.error.FFmpegError, OSError) as error:
            raise VideoError(f"{self.path}: damaged near frame {seen}: {_reason(error)}") from error
        if seen == 0:
            raise VideoError(f"{self.path}: its video stream holds no frame")
        self._check_whole(seen, end)

    def _check_whole(self, frames: int, end: float) -> None:
        """Raises VideoError when fewer frames, or less time, came than the header promises."""
        video, container = self.stream, self.container
        if "mp4" in container.format.name.split(","):
            if frames < video.frames:
                raise VideoError(f"{self.path}: cut short: {frames} of the {video.frames} frames of its header")
            return
        # Others count empty frames, or none; AVI's and Matroska's headers tell the end, counted from zero even where
        # the first frame comes later.
        promised = container.duration / av.time_base if container.duration else 0.0
        if end < promised - CUT_SHORT_SECONDS:
            raise VideoError(f"{self.path}: cut short: it ends at {end:.1f} s of the {promised:.1f} s of its header")

    def _checked(self, frame: VideoFrame) -> VideoFrame:
        if frame.is_corrupt:
            raise VideoError(f"{self.path}: damaged at {_time(frame.pts, frame.time_base)}")
        if frame.pts is None:
            raise VideoError(f"{self.path}: a frame has no timestamp")
        if (frame.width, frame.height) != (self.stream.width, self.stream.height):
            raise VideoError(f"{self.path}: the picture's size changes at {_time(frame.pts, frame.time_base)}")
        return frame

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class VideoWriter:
    """Writes a reader's video again: frames are encoded, packets of its other streams copied.

    Call `finish` when everything is written: only then does the file get its final name. Leaving the context without it
    removes the temporary file. Raises VideoError, which names the file.
    """

    def __init__(self, path: Path, reader: VideoReader, encoding: Encoding, rotation: int) -> None:
        self.path, self.temporary = path, temporary_path(path)
        self.frames = 0
        self.left_out: list[str] = []
        self._container: OutputContainer | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self.temporary.open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VideoError(f"{path}: another run is writing it") from error
        except OSError as error:
            raise VideoError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            self._container = av.open(f"file:{self.temporary}", "w", format=MUXERS[path.suffix.lower()])
            self._open_streams(reader, encoding, rotation)
        except BaseException as error:
            self.abort()
            if isinstance(error, (av.error.FFmpegError, ValueError, OSError)):
                raise VideoError(f"{path}: cannot be written: {_reason(error)}") from error
            raise

    def _open_streams(self, reader: VideoReader, encoding: Encoding, rotation: int) -> None:
        container, source = self._container, reader.stream
        assert container is not None
        name = encoding.encoder or ENCODER_BY_FORMAT.get(container.format.name, DEFAULT_ENCODER)
        options = {"crf": str(encoding.crf)}
        if name in ("libx264", "libx265"):
            options["preset"] = encoding.preset
        if name == "libx265":
            options["x265-params"] = "log-level=error"
        if container.format.name == "avi" and name == "libx264":
            options["bf"] = "0"  # without presentation times frames cannot be reordered
        rate = source.average_rate or source.guessed_rate or Fraction(25)
        stream: Any = container.add_stream(name, rate=rate, options=options)
        context = stream.codec_context
        context.width, context.height = source.width, source.height
        source_format = source.codec_context.pix_fmt or "yuv420p"
        self.pix_fmt = encodable_format(source_format, name, odd=bool(source.width % 2 or source.height % 2))
        if self.pix_fmt != source_format:
            self.left_out.append(f"pixel format {source_format}: written as {self.pix_fmt}")
        context.pix_fmt = self.pix_fmt
        context.time_base = source.time_base
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(context, tag, getattr(source.codec_context, tag))
        if self.pix_fmt.startswith("gray"):
            context.color_range = ColorRange.JPEG  # gray has all values unless it says otherwise
        context.thread_type = "AUTO"
        stream.time_base = source.time_base
        stream.metadata.update(source.metadata)
        stream.disposition = source.disposition
        if rotation:
            stream.set_display_rotation(rotation)
        self._video = stream
        self._streams: dict[int, Any] = {}
        for copied in reader.copied:
            try:
                twin = container.add_stream_from_template(copied, opaque=True)
            except (ValueError, av.error.FFmpegError) as error:
                if copied.type == "audio":
                    raise VideoError(
                        f"{self.path}: {_describe(copied)} cannot be copied into {container.format.name}: "
                        "convert the audio of the source first"
                    ) from error
                self.left_out.append(f"{_describe(copied)}: not copied into {container.format.name}")
                continue
            twin.metadata.update(copied.metadata)
            twin.disposition = copied.disposition
            self._streams[copied.index] = twin
        container.metadata.update(reader.container.metadata)
        container.set_chapters(reader.container.chapters())

    def write(self, item: VideoFrame | Packet[Any]) -> None:
        """Write the next frame or packet, in the order in which the reader gave them."""
        assert self._container is not None
        try:
            if isinstance(item, VideoFrame):
                item.pict_type = 0  # else the encoder repeats the source's choice of key frames
                self._container.mux(self._video.encode(item))
                self.frames += 1
            elif item.stream_index in self._streams:
                item.stream = self._streams[item.stream_index]
                self._container.mux_one(item)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"{self.path}: cannot be written: {_reason(error)}") from error

    def finish(self) -> None:
        """Write what is still in the encoder, flush to the disk and give the file its final name."""
        assert self._container is not None
        try:
            self._container.mux(self._video.encode(None))
            self._container.close()
            self._container = None
            os.fsync(self._lock.fileno())
            os.replace(self.temporary, self.path)
            fsync_folder(self.path.parent)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise VideoError(f"{self.path}: cannot be written: {_reason(error)}") from error
        self._lock.close()

    def abort(self) -> None:
        """Remove the temporary file. Does nothing once the video is finished."""
        if self._lock.closed:
            return
        try:
            if self._container is not None:
                self._container.close()
        except (av.error.FFmpegError, OSError, ValueError):
            # The file goes anyway, and its end may be what the disk has no room for.
            self._container = None
        self.temporary.unlink(missing_ok=True)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def check_encoder(name: str) -> None:
    """Raises UsageError unless FFmpeg has a video encoder of this name."""
    try:
        found = av.Codec(name, "w").type == "video"
    except (av.error.FFmpegError, ValueError):
        found = False
    if not found:
        raise UsageError(f"--encoder {name}: FFmpeg has no video encoder of this name")


def encodable_format(source: str, encoder: str, *, odd: bool = False) -> str:
    """The source's pixel format where the encoder and `planes` take it, else the one that loses least.

    `odd`: the frame has an odd side, which the encoders take without subsampled chroma only.
    """
    formats = [fmt.name for fmt in av.Codec(encoder, "w").video_formats or [] if is_planar(fmt.name)] or ["yuv420p"]
    if odd and "vp9" not in encoder:
        formats = [name for name in formats if _chroma(name) == (64, 64)] or formats
    if source in formats:
        return source
    depth, chroma = _depth(source), _chroma(source)

    def loss(name: str) -> tuple[int, int, int]:
        lost = [max(0, mine - its) for mine, its in zip(chroma, _chroma(name), strict=True)]
        return max(0, depth - _depth(name)), sum(lost), abs(_depth(name) - depth) + sum(_chroma(name))

    gray = source.startswith(("gray", "ya", "mono"))
    return min((name for name in formats if gray or not name.startswith("gray")), key=loss)


def _depth(name: str) -> int:
    return max(component.bits for component in av.VideoFormat(name).components)


def _chroma(name: str) -> tuple[int, int]:
    """The size of the chroma planes of a picture of 64x64."""
    pixel_format = av.VideoFormat(name)
    return pixel_format.chroma_width(64), pixel_format.chroma_height(64)


def is_planar(format_name: str) -> bool:
    """Whether every component of the pixel format has a plane of its own, of 8 to 16 bits in this machine's order."""
    pixel_format = av.VideoFormat(format_name)
    planes = [component.plane for component in pixel_format.components]
    depths = [component.bits for component in pixel_format.components]
    odd = pixel_format.has_palette or pixel_format.is_big_endian or pixel_format.is_bayer
    return len(set(planes)) == len(planes) and all(8 <= depth <= 16 for depth in depths) and not odd


def from_bgr(pixels: NDArray[np.uint8], like: VideoFrame) -> VideoFrame:
    """A picture `(H, W, 3) uint8 BGR` in another frame's pixel format, matrix and range."""
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "bgr24")
    return picture.reformat(
        format=like.format.name, dst_colorspace=like.colorspace, dst_color_range=like.color_range, threads=1
    )


def _describe(stream: Any) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    return f"stream {stream.index} ({stream.type}, {codec})"


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _time(pts: int | None, time_base: Fraction | None) -> str:
    return "an unknown time" if pts is None or time_base is None else f"{float(pts * time_base):.3f} s"
