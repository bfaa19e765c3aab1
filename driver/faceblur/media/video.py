"""Reading and writing videos, the one module on PyAV: frames with their own timestamps, other streams copied by packet.

The output is written under a temporary name beside its final one, flushed to the disk, and renamed when it is whole.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import av.error
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from faceblur.base.atomic_files import fsync_folder, temporary_path
from faceblur.base.errors import MediaError, UsageError
from faceblur.media import encoder_settings as codecs
from faceblur.media import integrity as whole
from faceblur.media import matroska_aspect as matroska
from faceblur.media import metadata as tags
from faceblur.media.containers import FROM_ZERO, MUXERS, holds, output_name
from faceblur.media.damage import Damage
from faceblur.media.encoder_settings import Encoding, Hdr
from faceblur.media.matroska_aspect import Display
from faceblur.media.timestamps import Timer, fixed_rate

# Formats that open as video but are none: still images, subtitles, listings, text drawn as on a terminal.
NOT_VIDEO = frozenset({"image2", "tty", "concat", "hls", "dash", "sdp", "rtsp", "lavfi", "srt", "ass", "webvtt", "gif"})
# A file is cut when less came than its header promises; headers are not exact to the packet.
CUT_SHORT_SECONDS = 1.0
# A second look at a file, for its videos' first frames, ends here whatever is found.
LOOK_PACKETS, LOOK_FRAMES = 5000, 4
MAX_FAILURES = 100  # places in a row that cannot be read: the rest is given up
MAX_TIMESCALE = 100_000_000
# Encoders that take odd sides without subsampled chroma only.
EVEN_ONLY = frozenset({"libx264", "libx265", "libsvtav1", "libaom-av1"})
ALPHA_BESIDE = ("libvpx", "libvpx-vp9")  # theirs goes beside the frames, and the muxer says so itself
BOTTOM_FIRST = (3, 5)  # AV_FIELD_BB and AV_FIELD_BT
os.environ.setdefault("SVT_LOG", "1")  # else SVT-AV1 writes its settings to stderr; 1: errors only
__all__ = [
    "ColorRange",
    "Encoding",
    "Packet",
    "Picture",
    "VideoFrame",
    "VideoReader",
    "VideoWriter",
    "from_bgr",
    "miniature",
]


@dataclass(frozen=True, slots=True)
class Look:
    """What the first frame of a video stream tells that its header may not. `matrix` is FFmpeg's display matrix."""

    pix_fmt: str
    seconds: float
    matrix: tuple[int, ...] | None = None
    interlaced: bool = False
    hdr: Hdr | None = None


@dataclass(slots=True)
class Picture:
    """A decoded frame: the source's video stream that it is of, and what could not be read just before it."""

    stream: int
    frame: VideoFrame
    damage: str | None = None


class VideoReader:
    """Iterates a video: the frames of its video streams, and the packets of the streams to copy, as they come.

    `stream` is the main video stream, `videos` are all by their index; `covers` are those that are one still picture.
    With `tolerate` what is damaged is passed over and told in `damage`. A context manager. Raises MediaError, which
    names the file, on opening and while iterating.
    """

    def __init__(self, path: Path, *, tolerate: bool = False) -> None:
        self.path = path
        self.damage = Damage(path, tolerate=tolerate)
        try:
            if path.stat().st_size == 0:
                raise MediaError(f"{path}: the file is empty")
            self.container = _opened(path)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: not a video that can be read: {_reason(error)}") from error
        try:
            self._sort_streams()
        except MediaError:
            self.container.close()
            raise

    def _sort_streams(self) -> None:
        name = self.container.format.name
        if name.endswith("_pipe") or NOT_VIDEO & set(name.split(",")):
            raise MediaError(f"{self.path}: not a video ({self.container.format.long_name})")
        self.videos: dict[int, Any] = {}
        self.covers: dict[int, Any] = {}
        self.copied: list[Any] = []
        self.left_out: list[str] = []
        for stream in cast(Any, self.container.streams):
            if stream.type in ("audio", "subtitle", "data", "attachment"):
                self.copied.append(stream)
            elif stream.type != "video":
                self.left_out.append(_describe(stream))
            elif stream.disposition & Disposition.attached_pic:
                self.covers[stream.index] = stream
            elif stream.codec_context is not None and stream.width and stream.height:
                self.videos[stream.index] = stream
            elif self.videos:
                self.left_out.append(f"{_describe(stream)}, which cannot be decoded")
            else:
                raise MediaError(f"{self.path}: its video stream cannot be decoded")
        if not self.videos:
            raise MediaError(f"{self.path}: no video stream")
        self.stream = next(iter(self.videos.values()))

    def output_name(self, codec: str | None = None) -> str:
        """What an output is called that is written in this codec, None: in the source's own."""
        video = [codec or one.codec_context.codec.canonical_name for one in self.videos.values()]
        audio = [one.codec_context.codec.canonical_name for one in self.copied if one.type == "audio"]
        return output_name(self.path, video, audio)

    def look(self, stream: Any) -> Look:
        """What the first frames of a video stream tell."""
        frames = self._first_frames(stream, LOOK_FRAMES)
        return _look(frames) if frames else Look(stream.codec_context.pix_fmt or "yuv420p", 0.0)

    def cover_pictures(self) -> list[Picture]:
        """The still pictures of the file, in the format that they are redacted in."""
        found = []
        for index, stream in list(self.covers.items()):
            frame = next(iter(self._first_frames(stream, 1)), None) if stream.codec_context is not None else None
            if frame is None or stream.disposition & Disposition.timed_thumbnails:
                del self.covers[index]
                self.left_out.append(f"{_describe(stream)}, a still picture")
                continue
            _, pix_fmt = _still_encoder(stream, frame.format.name)
            frame.pts, frame.time_base = frame.pts or 0, frame.time_base or Fraction(1, 25)
            found.append(Picture(index, in_format(frame, planar_format(pix_fmt))))
        return found

    def _first_frames(self, stream: Any, most: int) -> list[VideoFrame]:
        """The first frames of a video stream, read from the beginning in a look of its own."""
        found: list[VideoFrame] = []
        try:
            with _opened(self.path) as container:
                twin: Any = container.streams[stream.index]
                decoder = _decoder(twin)
                for count, packet in enumerate(container.demux(twin)):
                    found += decoder.decode(packet)
                    if len(found) >= most or count > LOOK_PACKETS:
                        break
        except (av.error.FFmpegError, OSError):
            # Reading it for good comes to the same place, and says what is wrong.
            return found
        return found

    @property
    def expected_frames(self) -> int | None:
        """How many frames the header lets expect, for progress; None where it holds nothing to go by."""
        counts = [self._expected(stream) for stream in self.videos.values()]
        return sum(filter(None, counts)) if all(counts) else None

    def _expected(self, stream: Any) -> int | None:
        rate = stream.average_rate
        if stream.frames:
            return int(stream.frames)
        if rate and stream.duration:
            return round(float(stream.duration * stream.time_base * rate))
        return round(float(self.container.duration / av.time_base * rate)) if rate and self.container.duration else None

    @property
    def duration(self) -> float | None:
        """The length of the file in seconds, as its header tells it."""
        return self.container.duration / av.time_base if self.container.duration else None

    def __iter__(self) -> Iterator[Picture | Packet[Any]]:
        name = self.container.format.name
        decoders = {index: _decoder(stream) for index, stream in self.videos.items()}
        copied = {stream.index for stream in self.copied}
        promised = {index: self._promised(stream) for index, stream in self.videos.items()}
        seen, times = dict.fromkeys(decoders, 0), dict[int, int]()
        timers = {index: Timer(name, _rate(stream), stream.time_base) for index, stream in self.videos.items()}
        # Every stream is read, copied or not: the header's length is that of the longest.
        for packet in self._packets():
            index = packet.stream.index  # an empty packet has no stream_index of its own
            if packet.size and packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.damage.seconds = max(self.damage.seconds, end)
            if packet.is_corrupt:
                self.damage.found("damaged", seconds=_seconds(packet))
            if index in copied and packet.size and self._is_in_time(packet, times):
                yield packet
            if index not in decoders:
                continue
            seen[index] += bool(packet.size)
            timers[index].saw(packet)
            try:
                frames = decoders[index].decode(packet)
            except (av.error.FFmpegError, OSError) as error:
                self.damage.found("damaged", _reason(error), _seconds(packet))
                continue
            for frame in frames:
                if self._is_usable(frame, timers[index], self.videos[index]):
                    yield Picture(index, frame, self.damage.since_last())
        if seen[self.stream.index] == 0:
            raise MediaError(f"{self.path}: its video stream holds no frame")
        self._check_whole(seen, promised)

    def _packets(self) -> Iterator[Any]:
        """Every packet of the file, and an empty one for each stream at its end; damaged places are passed over."""
        failures = 0
        while True:
            try:
                for packet in self.container.demux():
                    yield packet
                    failures = 0
                return
            except (av.error.FFmpegError, OSError) as error:
                self.damage.found("damaged", _reason(error))
                failures += 1
                if failures > MAX_FAILURES:
                    for stream in self.videos.values():
                        end: Any = Packet()
                        end.stream = stream
                        yield end
                    return

    def _is_in_time(self, packet: Any, times: dict[int, int]) -> bool:
        """Whether a copied packet comes after the one before it: muxers take no sound that goes back."""
        if packet.stream.type != "audio":
            return True
        last = times.get(packet.stream.index)
        if packet.dts is None or (last is not None and packet.dts < last):
            self.damage.found("the sound's time is missing or goes back", "such packets are left out", _seconds(packet))
            return False
        times[packet.stream.index] = packet.dts
        return True

    def _is_usable(self, frame: VideoFrame, timer: Timer, stream: Any) -> bool:
        timer.time(frame)
        if frame.is_corrupt:
            self.damage.found("damaged", seconds=_seconds(frame))
        if frame.pts is None:
            self.damage.found("a frame has no timestamp")
            timer.guess(frame)
        elif timer.last is not None and frame.pts <= timer.last:
            self.damage.found("a frame's time goes back", "it is put after the one before it", _seconds(frame))
            timer.guess(frame)
        if (frame.width, frame.height) != (stream.width, stream.height):
            self.damage.found("the picture's size changes", "such frames are left out", _seconds(frame))
            return False
        timer.last = frame.pts
        return True

    def _promised(self, stream: Any) -> int:
        """How many frames the file must hold: those of MP4's header, those of AVI's index that are not empty."""
        names = self.container.format.name.split(",")
        if "avi" in names:
            return sum(entry.size > 0 for entry in stream.index_entries)
        return int(stream.frames) if "mp4" in names else 0

    def _check_whole(self, seen: dict[int, int], promised: dict[int, int]) -> None:
        """Tells when less came than the headers promise."""
        container = self.container
        if fault := whole.fault(self.path, container.format.name):
            what, _, why = fault.partition(": ")
            self.damage.found(what, why)
        elif short := [index for index in seen if seen[index] < promised[index]]:
            self.damage.found(
                "cut short", f"{seen[short[0]]} of the {promised[short[0]]} frames that its header tells of"
            )
        elif "mp4" not in container.format.name.split(","):
            # AVI's and Matroska's headers tell the end, counted from zero even where the first frame comes later.
            end = container.duration / av.time_base if container.duration else 0.0
            if self.damage.seconds < end - CUT_SHORT_SECONDS:
                self.damage.found("cut short", f"its header promises {end:.3f} s")

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _VideoEncoder:
    """One video stream of an output: its encoder, and the frames' own times on what comes out of it."""

    def __init__(self, container: OutputContainer, source: Any, look: Look, encoding: Encoding, muxer: str) -> None:
        codec, size = source.codec_context.codec.canonical_name, (source.width, source.height)
        name, pix_fmt = choose_encoder(codec, look.pix_fmt, muxer, encoding, odd=any(side % 2 for side in size))
        written = av.Codec(name, "w").canonical_name
        self.name, self.work_format = name, planar_format(pix_fmt)
        self.frames, self.changes = 0, list[str]()
        if written != codec and not encoding.encoder:
            self.changes.append(f"codec {codec}: written as {written}")
        if any(_loss(look.pix_fmt, pix_fmt)) and name != "prores_ks":  # 4444 decodes to 12 bits, whatever it holds
            self.changes.append(f"pixel format {look.pix_fmt}: written as {pix_fmt}")
        rate = _rate(source)
        self._times: deque[tuple[int, int]] | None = None
        options = codecs.quality(name, encoding, float(rate) * source.width * source.height)
        options |= codecs.profile(name, source.codec_context.profile, pix_fmt)
        if look.interlaced:
            fields = codecs.interlaced(name, top_first=source.codec_context.field_order not in BOTTOM_FIRST)
            if not fields and name not in codecs.INTERLACED:
                self.changes.append(f"interlaced fields: woven into frames, as {written} has none")
            options |= fields
        if name in codecs.FIXED_RATE:
            self._times, rate = deque(), fixed_rate(rate, name)
        # What is reordered needs times before the first frame's.
        if muxer == "avi" or self._times is not None or (muxer in FROM_ZERO and look.seconds < 4 / rate):
            options["bf"] = "0"
        if parameters := codecs.PARAMETERS.get(name):
            given = [options.get(parameters, ""), codecs.ALWAYS.get(name, "")]
            if look.hdr:
                given.append(codecs.hdr(name, look.hdr))
            if any(given):
                options[parameters] = ":".join(filter(None, given))
        if look.hdr and name not in codecs.PARAMETERS:
            self.changes.append(f"HDR10 side data: {written} holds none")
        aspect = source.sample_aspect_ratio
        self.display: Display | None = None
        if aspect and written not in codecs.HOLD_ASPECT:
            if muxer in ("matroska", "webm"):
                self.display = Display.of(size, aspect)
            elif muxer == "avi" and aspect != 1:
                self.changes.append(f"pixels of {aspect.numerator}:{aspect.denominator}: {written} in AVI holds none")
        stream: Any = container.add_stream(name, rate=rate, options=options)
        self.stream, context = stream, stream.codec_context
        context.width, context.height = size
        context.pix_fmt = pix_fmt
        context.time_base = 1 / rate if self._times is not None else source.time_base
        if aspect:
            context.sample_aspect_ratio = aspect
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace", "field_order"):
            setattr(context, tag, getattr(source.codec_context, tag))
        if pix_fmt.startswith("gray") or (look.pix_fmt.startswith("yuvj") and not pix_fmt.startswith("yuvj")):
            context.color_range = ColorRange.JPEG  # gray has all values unless it says otherwise
        if name in codecs.QSCALE:
            context.qscale, context.global_quality = True, codecs.QSCALE[name]
        if written == "hevc" and muxer in ("mp4", "mov"):
            context.codec_tag = "hev1" if _tag(source) == "hev1" else "hvc1"
        context.flags |= Flags.frame_duration
        context.thread_type = "AUTO"
        stream.time_base = source.time_base
        stream.disposition = source.disposition
        if muxer == "mpegts":
            stream.id = source.id
        if look.matrix:
            stream.set_display_matrix(look.matrix)

    def encode(self, frame: VideoFrame | None) -> list[Packet[Any]]:
        """The packets that are ready once this frame is in the encoder; None: the last ones."""
        if frame is not None:
            frame.pict_type = 0  # else the encoder repeats the source's choice of key frames
            if self._times is not None:
                assert frame.pts is not None and frame.time_base is not None
                self._times.append((frame.pts, frame.duration))
                self._time_base = frame.time_base
                frame.pts, frame.time_base = self.frames, self.stream.codec_context.time_base
            self.frames += 1
        packets: list[Packet[Any]] = self.stream.encode(frame)
        if self._times is not None:
            for packet in packets:
                packet.time_base = self._time_base
                packet.pts, packet.duration = self._times.popleft()
                packet.dts = packet.pts
        return packets


class VideoWriter:
    """Writes a reader's video again: frames are encoded, packets of its other streams copied.

    `covers` are its still pictures, redacted. Call `finish` when everything is written: only then does the file get its
    final name. Leaving the context without it removes the temporary file. Raises MediaError, which names the file.
    """

    def __init__(self, path: Path, reader: VideoReader, encoding: Encoding, covers: Sequence[Picture] = ()) -> None:
        self.path, self.temporary = path, temporary_path(path)
        self.left_out: list[str] = []
        self._keep_location, self._damage = encoding.keep_location, reader.damage
        self._videos: dict[int, _VideoEncoder] = {}
        self._copies: dict[int, Any] = {}
        self._container: OutputContainer | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self.temporary.open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MediaError(f"{path}: another run is writing it") from error
        except OSError as error:
            raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            self._open(reader, encoding, {cover.stream: cover.frame for cover in covers})
        except BaseException as error:
            self.abort()
            if isinstance(error, (av.error.FFmpegError, ValueError, OSError)) and not isinstance(error, MediaError):
                raise MediaError(f"{path}: cannot be written: {_reason(error)}") from error
            raise

    def _open(self, reader: VideoReader, encoding: Encoding, covers: dict[int, VideoFrame]) -> None:
        muxer, source = MUXERS[self.path.suffix.lower()], reader.container
        container_tags = self._kept(tags.kept(source.metadata, keep_location=self._keep_location), "the file")
        options = self._muxer_options(muxer, reader, container_tags)
        container = av.open(f"file:{self.temporary}", "w", format=muxer, container_options=options)
        self._container = container
        stills: list[Packet[Any]] = []
        for stream in source.streams:
            if stream.index in reader.videos:
                video = _VideoEncoder(container, stream, reader.look(stream), encoding, muxer)
                self._videos[stream.index] = video
                self.left_out += video.changes
                found = tags.kept_of_video(stream.metadata, keep_location=self._keep_location)
                video.stream.metadata.update(self._kept(found, _describe(stream)))
                if video.display is not None:
                    named = video.stream.metadata.pop("title", "")
                    video.stream.metadata["title"] = matroska.longer(named)
                if muxer in ("matroska", "webm") and _has_alpha(video.work_format) and video.name not in ALPHA_BESIDE:
                    video.stream.metadata["alpha_mode"] = "1"
            elif stream.index in covers:
                stills += self._add_still(stream, covers[stream.index], muxer)
            elif stream in reader.copied:
                self._add_copy(stream, muxer, bool(source.chapters()))
        container.metadata.update(container_tags)
        container.set_chapters(source.chapters())
        container.mux(stills)

    def _add_copy(self, source: Any, muxer: str, has_chapters: bool) -> None:
        """A stream whose packets are copied, or a note that it is not."""
        container = self._container
        assert container is not None
        if source.type == "attachment":
            if muxer == "matroska":
                container.add_attachment(source.name or "attachment", source.mimetype or "", source.data)
            else:
                self.left_out.append(f"{_describe(source)}: not copied into {muxer}")
            return
        if source.type == "data" and not self._keep_location and source.name not in tags.HARMLESS_DATA:
            # Timecodes and chapters are tags that the muxer makes such a stream of again.
            if "timecode" not in source.metadata and not (has_chapters and source.name == "bin_data"):
                self.left_out.append(f"{_describe(source)}, which may tell a place: --keep-location copies it")
            return
        try:
            twin: Any = container.add_stream_from_template(source, opaque=True)
        except (ValueError, av.error.FFmpegError) as error:
            if source.type == "audio":
                raise MediaError(
                    f"{self.path}: {_describe(source)} cannot be copied into {muxer}: "
                    "convert the audio of the source first"
                ) from error
            self.left_out.append(f"{_describe(source)}: not copied into {muxer}")
            return
        twin.metadata.update(
            self._kept(tags.kept(source.metadata, keep_location=self._keep_location), _describe(source))
        )
        twin.disposition = source.disposition
        if muxer == "mpegts":
            twin.id = source.id
        self._copies[source.index] = twin

    def _add_still(self, source: Any, frame: VideoFrame, muxer: str) -> list[Packet[Any]]:
        """A still picture, as an attachment or as a stream whose packet is to be written first."""
        container = self._container
        assert container is not None
        if muxer not in ("mp4", "mov", "matroska"):
            self.left_out.append(f"{_describe(source)}, a still picture: {muxer} holds none")
            return []
        name, pix_fmt = _still_encoder(source, frame.format.name)
        stream: Any = container.add_stream(name, rate=25) if muxer != "matroska" else None
        context: Any = av.CodecContext.create(name, "w") if stream is None else stream.codec_context
        context.width, context.height, context.pix_fmt = frame.width, frame.height, pix_fmt
        context.time_base, context.color_range = Fraction(1, 25), frame.color_range
        if name == "mjpeg":
            context.color_range = ColorRange.JPEG
            context.qscale, context.global_quality = True, codecs.QSCALE[name]
        frame.pts, frame.time_base, frame.pict_type = 0, Fraction(1, 25), 0
        if stream is not None:
            stream.disposition = source.disposition
            return [*stream.encode(frame), *stream.encode(None)]
        picture = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
        suffix, mimetype = (".jpg", "image/jpeg") if name == "mjpeg" else (".png", "image/png")
        given = Path(source.metadata.get("filename") or "cover")
        container.add_attachment(given.name if given.suffix else given.name + suffix, mimetype, picture)
        return []

    def _kept(self, found: tuple[dict[str, str], list[str]], where: str) -> dict[str, str]:
        """The tags that are kept; the others are named."""
        kept, private = found
        if private:
            self.left_out.append(f"tags of {where} that tell a place or a device: {', '.join(sorted(private))}")
        return kept

    def _muxer_options(self, muxer: str, reader: VideoReader, container_tags: dict[str, str]) -> dict[str, str]:
        if muxer in ("mp4", "mov", "3gp", "3g2"):
            # Late starts are kept in this unit, by default milliseconds: too coarse for 1/30000 s.
            scales = [stream.time_base.denominator for stream in reader.container.streams if stream.time_base]
            unit = math.lcm(*scales)
            options = {"movie_timescale": str(unit if unit <= MAX_TIMESCALE else max(scales))}
            # FFmpeg writes free tags in a way that has no place for covers.
            free = tags.needs_free_tags(container_tags) and not reader.covers
            return options | ({"movflags": "+use_metadata_tags"} if free else {})
        if muxer == "mpegts":
            return {"mpegts_m2ts_mode": "1" if self.path.suffix.lower() in (".mts", ".m2ts") else "0"}
        return {"preload": "0"} if muxer == "vob" else {}  # or everything is a second late

    @property
    def pix_fmts(self) -> dict[int, str]:
        """The planar pixel format in which each video stream's frames are redacted and given to `write`."""
        return {index: video.work_format for index, video in self._videos.items()}

    @property
    def frames(self) -> dict[int, int]:
        """How many frames of each video stream are written."""
        return {index: video.frames for index, video in self._videos.items()}

    def write(self, item: Picture | Packet[Any]) -> None:
        """Write the next frame or packet; each stream's in the order in which the reader gave them."""
        assert self._container is not None
        try:
            if isinstance(item, Picture):
                self._container.mux(self._videos[item.stream].encode(item.frame))
            elif item.stream_index in self._copies:
                self._copy(item)
        except MediaError:
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"{self.path}: cannot be written: {_reason(error)}") from error

    def _copy(self, packet: Packet[Any]) -> None:
        assert self._container is not None
        seconds, kind = _seconds(packet), packet.stream.type
        packet.stream = self._copies[packet.stream_index]
        try:
            self._container.mux_one(packet)
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            self._damage.found(f"a packet of {kind} that cannot be copied", _reason(error), seconds)

    def finish(self) -> None:
        """Write what is still in the encoder, flush to the disk and give the file its final name."""
        assert self._container is not None
        try:
            for video in self._videos.values():
                self._container.mux(video.encode(None))
            self._container.close()
            self._container = None
            displays = [video.display for video in self._videos.values()]
            if any(displays):
                matroska.set_displays(self.temporary, displays)
            os.fsync(self._lock.fileno())
            os.replace(self.temporary, self.path)
            fsync_folder(self.path.parent)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise MediaError(f"{self.path}: cannot be written: {_reason(error)}") from error
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


def _still_encoder(source: Any, pix_fmt: str) -> tuple[str, str]:
    """The encoder of a still picture and its pixel format: PNG for all that is no JPEG."""
    name = "mjpeg" if source.codec_context.codec.canonical_name == "mjpeg" else "png"
    return name, encodable_format(pix_fmt, name)


def miniature(frame: VideoFrame, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """A small copy of a frame as it is stored, `(h, w, 3) uint8 BGR`."""
    width, height = size_wh
    small = frame.reformat(width=width, height=height, format="bgr24", interpolation=Interpolation.AREA, threads=1)
    return np.asarray(small.to_ndarray(), np.uint8)


def check_encoder(name: str) -> str:
    """The codec that an encoder writes. Raises UsageError unless it is there and, in hardware, can be used here."""
    try:
        encoder = av.Codec(name, "w")
    except (av.error.FFmpegError, ValueError):
        encoder = None
    if encoder is None or encoder.type != "video":
        raise UsageError(f"--encoder {name}: FFmpeg has no video encoder of this name")
    if name.endswith(codecs.HARDWARE):
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt, context.time_base = 256, 256, "yuv420p", Fraction(1, 25)
        try:
            context.open()
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"--encoder {name}: there is no such encoder on this machine, or its driver is missing: leave it away"
            ) from error
    return encoder.canonical_name


def choose_encoder(codec: str, pix_fmt: str, muxer: str, encoding: Encoding, *, odd: bool = False) -> tuple[str, str]:
    """The encoder and its pixel format for a source's, in this container: the source's codec if it loses little.

    Losing little is keeping colour, chroma and alpha, and 10 bits at least of what is deeper. `odd`: the frame has an
    odd side. Raises MediaError when nothing can be written.
    """
    found = []
    own = codecs.ENCODERS.get(codec, ())
    for order, name in enumerate(codecs.encoders_for(codec, encoding.encoder)):
        try:
            encoder = av.Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        if not holds(muxer, encoder.canonical_name):
            continue
        written = encodable_format(pix_fmt, name, odd=odd)
        loss = _loss(pix_fmt, written)
        small = loss[1:4] == (0, 0, 0) and (loss[0] == 0 or _depth(written) >= 10)
        found.append((not small, name not in own, () if small else loss, order, name, written))
    if not found:
        raise MediaError(f"{encoding.encoder or codec} cannot be written into {muxer}: choose another --encoder")
    return min(found)[-2:]


def encodable_format(source: str, encoder: str, *, odd: bool = False) -> str:
    """The source's pixel format where the encoder takes it, else the one that loses least.

    `odd`: the frame has an odd side, which some encoders take without subsampled chroma only.
    """
    formats = [fmt.name for fmt in av.Codec(encoder, "w").video_formats or []]
    formats = [name for name in formats if _usable(name)] or [source]
    if odd and (encoder in EVEN_ONLY or encoder.endswith(codecs.HARDWARE)):
        formats = [name for name in formats if _chroma(name) == (64, 64)] or formats
    return min(formats, key=lambda name: (_loss(source, name), not is_planar(name), name != source))


def planar_format(name: str) -> str:
    """The format that a frame is redacted in: this one if it is planar, else the planar one that loses least."""
    return name if is_planar(name) else min(PLANAR, key=lambda other: _loss(name, other))


def _loss(source: str, other: str) -> tuple[int, int, int, int, int]:
    """What a change of pixel format costs: bits, chroma, alpha, another kind of colour, and needless size."""
    colours = [
        "gray"
        if _is_gray(name)
        else "rgb"
        if av.VideoFormat(name).is_rgb or av.VideoFormat(name).has_palette
        else "yuv"
        for name in (source, other)
    ]
    fewer = [one - two for one, two in zip(_chroma(source), _chroma(other), strict=True)]
    bits, alpha = _depth(source) - _depth(other), _has_alpha(source) - _has_alpha(other)
    return (
        max(0, bits),
        sum(max(0, one) for one in fewer),
        max(0, alpha),
        int(colours[0] != colours[1] and colours[0] != "gray"),
        abs(bits) + sum(map(abs, fewer)) + abs(alpha),
    )


def _usable(name: str) -> bool:
    """Whether frames can be turned into this format from a planar one: no hardware's, float's or mosaic's."""
    pixel_format = av.VideoFormat(name)
    odd = pixel_format.is_bayer or pixel_format.has_palette or "f16" in name or "f32" in name or "msb" in name
    return bool(pixel_format.components) and _depth(name) >= 8 and not odd


def _has_alpha(name: str) -> bool:
    pixel_format = av.VideoFormat(name)
    return pixel_format.has_palette or any(component.is_alpha for component in pixel_format.components)


def _is_gray(name: str) -> bool:
    return name.startswith(("gray", "ya8", "ya16", "mono"))


def _depth(name: str) -> int:
    return 8 if av.VideoFormat(name).has_palette else max(one.bits for one in av.VideoFormat(name).components)


def _chroma(name: str) -> tuple[int, int]:
    """The size of the chroma planes of a picture of 64x64."""
    pixel_format = av.VideoFormat(name)
    return (0, 0) if _is_gray(name) else (pixel_format.chroma_width(64), pixel_format.chroma_height(64))


def is_planar(format_name: str) -> bool:
    """Whether every component of the pixel format has a plane of its own, of 8 to 16 bits in this machine's order."""
    pixel_format = av.VideoFormat(format_name)
    planes = [component.plane for component in pixel_format.components]
    depths = [component.bits for component in pixel_format.components]
    odd = pixel_format.has_palette or pixel_format.is_big_endian or pixel_format.is_bayer
    return len(set(planes)) == len(planes) and all(8 <= depth <= 16 for depth in depths) and not odd


# Those that FFV1 and FFVHuff take, which is nearly every one that there is.
PLANAR = sorted({one.name for name in ("ffv1", "ffvhuff") for one in av.Codec(name, "w").video_formats or []})
PLANAR = [name for name in PLANAR if is_planar(name) and "f16" not in name and "f32" not in name]


def from_bgr(pixels: NDArray[np.uint8], like: VideoFrame) -> VideoFrame:
    """A picture `(H, W, 3) uint8 BGR` in another frame's pixel format, matrix and range."""
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "bgr24")
    return picture.reformat(
        format=like.format.name, dst_colorspace=like.colorspace, dst_color_range=like.color_range, threads=1
    )


def in_format(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """A frame in another pixel format, in its own range, with its timestamp; the frame itself where it has it."""
    if frame.format.name == pix_fmt:
        return frame
    full = ColorRange.JPEG if frame.color_range == ColorRange.JPEG or "yuvj" in frame.format.name else None
    again = frame.reformat(format=pix_fmt, dst_color_range=full, threads=1)
    again.pts, again.time_base = frame.pts, frame.time_base
    return again


def _opened(path: Path) -> InputContainer:
    # A file may name others, on the network too (playlists do): only this one is read.
    return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")


def _decoder(stream: Any) -> Any:
    """What decodes a stream: FFmpeg's own decoders of VP8 and VP9 drop alpha, libvpx' keep it."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.codec.canonical_name)
    if name and any(tag.lower() == "alpha_mode" and value == "1" for tag, value in stream.metadata.items()):
        return av.CodecContext.create(name, "r")
    stream.thread_type = "AUTO"
    return stream.codec_context


def _look(frames: list[VideoFrame]) -> Look:
    frame = frames[0]
    side_data: Any = frame.side_data  # iterates over its values, whatever its type says
    data = {one.type: bytes(one) for one in side_data}
    display, light = data.get(SideDataType.MASTERING_DISPLAY_METADATA), data.get(SideDataType.CONTENT_LIGHT_LEVEL)
    values: tuple[float, ...] | None = None
    if display:
        # AVMasteringDisplayMetadata: 10 AVRationals (int numerator, int denominator), then what of it is set.
        numbers = struct.unpack_from("=22i", display)
        if numbers[20] and numbers[21] and all(numbers[1:20:2]):
            values = tuple(numbers[index] / numbers[index + 1] for index in range(0, 20, 2))
    matrix = data.get(SideDataType.DISPLAYMATRIX)
    level = struct.unpack_from("=2I", light) if light else None
    return Look(
        frame.format.name,
        float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0,
        struct.unpack_from("=9i", matrix) if matrix else None,
        any(one.interlaced_frame for one in frames),
        Hdr(values, level) if values or level else None,
    )


def _describe(stream: Any) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else getattr(stream, "name", None)
    return f"stream {stream.index} ({stream.type}, {codec or 'unknown'})"


def _tag(stream: Any) -> str:
    try:
        return str(stream.codec_context.codec_tag)
    except UnicodeDecodeError:
        return ""


def _rate(stream: Any) -> Fraction:
    return Fraction(stream.average_rate or stream.guessed_rate or 25)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _seconds(item: Any) -> float | None:
    """The time of a packet or frame."""
    return None if item.pts is None or item.time_base is None else float(item.pts * item.time_base)
