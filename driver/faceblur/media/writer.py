"""Writes a video again: frames are encoded, packets copied, and the file gets its name when it is complete.

The output is written under a temporary name beside its final one, flushed to the disk, and renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from faceblur.base.atomic_files import AtomicFile
from faceblur.base.errors import MediaError
from faceblur.base.options import Options
from faceblur.media.canvas import Canvas, upright_form
from faceblur.media.container_parts import container_parts
from faceblur.media.containers import HOLD_MATRIX, MUXERS
from faceblur.media.copied_streams import CopiedStreams
from faceblur.media.cover_art import MUXERS_WITH_COVER_ART, add_cover_art
from faceblur.media.encoder_choice import choose_encoder
from faceblur.media.encoder_settings import encoder_settings
from faceblur.media.encoder_tables import ALPHA_BESIDE
from faceblur.media.encoding_changes import aspect_for_container, encoding_changes
from faceblur.media.first_frames import probe_stream
from faceblur.media.frame_form import FrameForm
from faceblur.media.frame_sequence import FrameSequence
from faceblur.media.frames import DecodedFrame
from faceblur.media.matroska_aspect import DisplaySize, name_with_room, set_display_sizes
from faceblur.media.metadata import dropped_tags, kept_chapters, kept_tags, kept_video_tags
from faceblur.media.muxer_options import muxer_options
from faceblur.media.orientation import UPRIGHT
from faceblur.media.pixel_formats import has_alpha
from faceblur.media.pyav import WRITE_ERRORS, codec_of, describe, reason
from faceblur.media.side_data import lost_side_data, meaningful_types
from faceblur.media.source_file import SourceFile
from faceblur.media.spatial_boxes import SpatialBoxes, add_spatial_boxes, spatial_boxes
from faceblur.media.stream_encoder import StreamEncoder
from faceblur.media.text_tracks import tracks_with_positions
from faceblur.media.ts_service import service_tags

MATROSKA, ISO = ("matroska", "webm"), ("mp4", "mov")
PAIRED = ("mxf", "dv")  # FFmpeg's muxers of these drop, and do not say, the frames after the audio's end


class VideoWriter:
    """Writes a source again to `path`, whose suffix names the container.

    `cover_art` are the source's attached images, redacted. Call `finish` when everything is written: only then does the
    file get its final name. Leaving the context without it removes the temporary file. `left_out` lists what the output
    does not keep; `sequence` has the frames that were written. Raises MediaError, which names the file.
    """

    def __init__(
        self,
        path: Path,
        source: SourceFile,
        options: Options,
        cover_art: Sequence[DecodedFrame] = (),
        *,
        tag: str = "",
    ) -> None:
        self.path, self.sequence = path, FrameSequence(path)
        self.left_out: list[str] = []
        self._options, self._muxer = options, MUXERS[path.suffix.lower()]
        self._videos: dict[int, StreamEncoder] = {}
        self._spatial: dict[int, SpatialBoxes] = {}  # by the output's index
        # Streams that are turned upright: the form of their frames, and the one that they get.
        self._turned: dict[int, tuple[FrameForm, Canvas]] = {}
        self._display_sizes: list[DisplaySize | None] = []
        self._container: OutputContainer | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._output = AtomicFile(path, tag)
        except BlockingIOError as error:
            raise MediaError(f"{path}: another run is writing it") from error
        except OSError as error:
            raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            self._open(source, {frame.stream: frame.pixels for frame in cover_art})
        except BaseException as error:
            self.abort()
            if isinstance(error, WRITE_ERRORS) and not isinstance(error, MediaError):
                raise MediaError(f"{path}: cannot be written: {reason(error)}") from error
            raise

    def _open(self, source: SourceFile, cover_art: dict[int, VideoFrame]) -> None:
        """Open the container and add every stream, in the source's order."""
        streams, chapters = source.container.streams, source.chapters
        tags, dropped = kept_tags(source.container.metadata, keep_location=self._options.keep_location)
        self.left_out += dropped_tags(dropped, "the file")
        tags |= service_tags(source.path, source.formats)
        settings = muxer_options(self._muxer, self.path, tags, list(streams), has_cover_art=bool(source.cover_art))
        container = av.open(f"file:{self._output.temporary}", "w", format=self._muxer, container_options=settings)
        self._container = container
        keep_location = self._options.keep_location
        positions = set() if keep_location else tracks_with_positions(source.path, source.copied)
        self._copies = CopiedStreams(
            self.path, container, self._muxer, positions=positions, keep_location=keep_location, damage=source.damage
        )
        first_packets: list[Packet[Any]] = []
        for stream in streams:
            if stream.index in source.videos:
                self._add_video(container, source, stream)
            elif stream.index in cover_art and self._muxer not in MUXERS_WITH_COVER_ART:
                self.left_out.append(f"{describe(stream)}, cover art: {self._muxer} holds none")
            elif stream.index in cover_art:
                lost = lost_side_data(meaningful_types(cover_art[stream.index], is_first=True), "mjpeg")
                self.left_out += [f"{describe(stream)}, cover art: {', '.join(lost)}"] if lost else []
                first_packets += add_cover_art(container, stream, cover_art[stream.index], self._muxer)
            elif stream in source.copied:
                self.left_out += self._copies.add(stream, has_chapters=bool(chapters))
        if self._muxer in ISO:
            found = spatial_boxes(source.path, source.formats)
            self._spatial = {
                self._videos[index].stream.index: one for index, one in found.items() if index in self._videos
            }
        self.left_out += container_parts(source.path, source.formats)
        container.metadata.update(tags)
        chapters, dropped = kept_chapters(chapters, keep_location=keep_location)
        self.left_out += dropped_tags(dropped, "chapters")
        container.set_chapters(chapters)
        container.start_encoding()  # else what the muxer refuses looks like a fault of the first packet
        container.mux(first_packets)

    def _add_video(self, container: OutputContainer, source: SourceFile, stream: Any) -> None:
        """Add a video stream: choose its encoder, and give it the source's tags and aspect."""
        muxer, options = self._muxer, self._options
        canvas = source.canvases.get(stream.index)
        probe = probe_stream(source.path, stream, canvas.form if canvas else None)
        if source.span is not None:
            probe = replace(probe, start_seconds=0.0)
        stored = probe.form
        if stored.orientation != UPRIGHT and muxer not in HOLD_MATRIX:
            probe = replace(probe, form=upright_form(stored), matrix=None)
            self.left_out.append(f"{describe(stream)}, its rotation: written upright, as {muxer} holds none")
        odd = bool(probe.form.width % 2 or probe.form.height % 2)
        choice = choose_encoder(codec_of(stream), probe.form.pix_fmt, muxer, options.encoder, odd=odd)
        settings = encoder_settings(choice.encoder, choice.pix_fmt, stream, probe, muxer=muxer, options=options)
        video = StreamEncoder(container, stream, probe, choice, settings, muxer)
        self._videos[stream.index] = video
        if probe.form.orientation != stored.orientation:
            self._turned[stream.index] = stored, Canvas(probe.form._replace(pix_fmt=video.work_format), None)
        self.left_out += encoding_changes(stream, probe, choice, muxer=muxer, encoder_is_given=bool(options.encoder))
        tags, dropped = kept_video_tags(stream.metadata, keep_location=options.keep_location)
        self.left_out += dropped_tags(dropped, describe(stream))
        video.stream.metadata.update(tags)
        if muxer in MATROSKA:
            self._add_matroska_fields(video, probe.form)

    def _add_matroska_fields(self, video: StreamEncoder, form: FrameForm) -> None:
        """Room for the display size in the track's name, and the mark of alpha."""
        tags, aspect = video.stream.metadata, aspect_for_container(form, video.codec)
        self._display_sizes.append(DisplaySize.of((form.width, form.height), aspect) if aspect else None)
        if aspect:
            tags["title"] = name_with_room(tags.pop("title", ""))
        if has_alpha(video.work_format) and video.encoder not in ALPHA_BESIDE:
            tags["alpha_mode"] = "1"

    def _kept_side_data(self, video: StreamEncoder) -> set[str]:
        """The types of side data that the container keeps of a video stream."""
        if self._muxer in MATROSKA:
            return {"STEREO3D"} if "stereo_mode" in video.stream.metadata else set()
        boxes = self._spatial.get(video.stream.index)
        return boxes.types if boxes is not None else set()

    @property
    def pix_fmts(self) -> dict[int, str]:
        """The planar pixel format in which each video stream's frames are redacted and given to `write`."""
        return {index: video.work_format for index, video in self._videos.items()}

    def write(self, item: DecodedFrame | Packet[Any]) -> None:
        """Write the next frame or packet; each stream's in the order in which the reader gave them."""
        assert self._container is not None
        try:
            if isinstance(item, DecodedFrame):
                self.sequence.check_next(item)
                self._container.mux(self._videos[item.stream].encode(self._pixels(item)))
            else:
                self._copies.write(item)
        except MediaError:
            raise
        except WRITE_ERRORS as error:
            raise MediaError(f"{self.path}: cannot be written: {reason(error)}") from error

    def _pixels(self, frame: DecodedFrame) -> VideoFrame:
        """A frame's pixels as they are encoded. Refuses a size that the output does not have."""
        pixels, context = frame.pixels, self._videos[frame.stream].stream.codec_context
        if frame.stream in self._turned:
            stored, upright = self._turned[frame.stream]
            pixels, _ = upright.take(pixels, stored._replace(pix_fmt=pixels.format.name), frame.seconds)
        if (pixels.width, pixels.height) != (context.width, context.height):  # PyAV would stretch it
            raise MediaError(
                f"{self.path}: internal error: frame {frame.number} is {pixels.width}x{pixels.height}, the output "
                f"{context.width}x{context.height}: a bug in faceblur"
            )
        return pixels

    def complete(self) -> Path:
        """Write what is still in the encoder and flush to the disk. Returns the file's temporary path."""
        assert self._container is not None
        try:
            for video in self._videos.values():
                self._container.mux(video.encode(None))
                self.left_out += video.left_out(self._kept_side_data(video))
            self.left_out += self._copies.notes
            self._container.close()
            self._container = None
            if self._muxer in PAIRED:
                streams = {index: video.stream.index for index, video in self._videos.items()}
                self.sequence.check_file(self._output.temporary, streams)
            if self._spatial:
                add_spatial_boxes(self._output.temporary, self._spatial)
            if any(self._display_sizes):
                set_display_sizes(self._output.temporary, self._display_sizes)
            self._output.complete()
            return self._output.temporary
        except MediaError:
            raise
        except WRITE_ERRORS as error:
            self.abort()
            raise MediaError(f"{self.path}: cannot be written: {reason(error)}") from error

    def publish(self) -> None:
        """Give the complete file its final name."""
        try:
            self._output.publish()
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be written: {reason(error)}") from error

    def finish(self) -> None:
        """Complete the file and give it its final name."""
        self.complete()
        self.publish()

    def abort(self) -> None:
        """Remove the temporary file. Does nothing once the video is finished."""
        try:
            if self._container is not None:
                self._container.close()
        except Exception:  # whatever it is, the file has to go
            # The file is removed anyway; its end may be what the disk has no room for.
            self._container = None
        self._output.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()
