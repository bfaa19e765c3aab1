"""Cover art: streams and attachments that are one image. It is decoded, redacted as a frame, and encoded again."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from mimetypes import guess_type
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from PIL import Image

from faceblur.media.canvas import Canvas, upright_form
from faceblur.media.encoder_choice import encodable_format
from faceblur.media.encoder_tables import QSCALE
from faceblur.media.first_frames import read_first_frames
from faceblur.media.frame_form import FrameForm
from faceblur.media.frames import DecodedFrame
from faceblur.media.hidden_files import picture_format
from faceblur.media.opening import open_input
from faceblur.media.orientation import UPRIGHT
from faceblur.media.pixel_formats import planar_format
from faceblur.media.pyav import READ_ERRORS, codec_of
from faceblur.media.side_data import without_pictures

# What PyAV and Pillow raise for a picture that cannot be decoded.
PICTURE_ERRORS: tuple[type[Exception], ...] = (
    *(*READ_ERRORS, ValueError, IndexError, SyntaxError),
    Image.DecompressionBombError,
)
MUXERS_WITH_COVER_ART = ("mp4", "mov", "matroska")
TIME_BASE = Fraction(1, 25)  # of an image that is alone in its stream: any


def decode_cover_art(path: Path, stream: Any) -> DecodedFrame | None:
    """The image of a stream, upright, in the format that it is redacted in.

    None where it cannot be decoded or is one of many.
    """
    if stream.disposition & Disposition.timed_thumbnails:
        return None
    content = stream.data if stream.type == "attachment" else _first_packet(path, stream)
    if picture_format(content):
        frames = _attached_frames(content)
    else:
        frames = read_first_frames(path, stream, 1) if stream.codec_context is not None else []
    if not frames:
        return None
    pixels = frames[0]
    _, pix_fmt = _encoder_of(stream, pixels.format.name)
    pixels.pts, pixels.time_base = pixels.pts or 0, pixels.time_base or TIME_BASE
    return _upright(DecodedFrame(stream.index, 0, pixels).in_format(planar_format(pix_fmt)))


def _upright(frame: DecodedFrame) -> DecodedFrame:
    """The image turned upright: its orientation was in its EXIF, which is not written again."""
    if frame.orientation == UPRIGHT:
        return frame
    form = FrameForm.of(frame.pixels, None, frame.orientation)
    pixels, orientation = Canvas(upright_form(form), None).take(frame.pixels, form, frame.seconds)
    return replace(frame, pixels=pixels, orientation=orientation)


def add_cover_art(container: OutputContainer, source: Any, pixels: VideoFrame, muxer: str) -> list[Packet[Any]]:
    """Add a redacted image to an output: as an attachment, or as a stream whose packets are to be written first."""
    encoder, pix_fmt = _encoder_of(source, pixels.format.name)
    pixels = without_pictures(pixels)
    stream: Any = container.add_stream(encoder, rate=25) if muxer != "matroska" else None
    context: Any = av.CodecContext.create(encoder, "w") if stream is None else stream.codec_context
    context.width, context.height, context.pix_fmt = pixels.width, pixels.height, pix_fmt
    context.time_base, context.color_range = TIME_BASE, pixels.color_range
    if encoder == "mjpeg":
        context.color_range = ColorRange.JPEG
        context.qscale, context.global_quality = True, QSCALE[encoder]
    pixels.pts, pixels.time_base, pixels.pict_type = 0, TIME_BASE, 0
    if stream is not None:
        stream.disposition = source.disposition | Disposition.attached_pic
        return [*stream.encode(pixels), *stream.encode(None)]
    content = b"".join(bytes(packet) for packet in [*context.encode(pixels), *context.encode(None)])
    suffix, mimetype = (".jpg", "image/jpeg") if encoder == "mjpeg" else (".png", "image/png")
    name = Path(source.metadata.get("filename") or "cover").name
    # Players go by the name too: one that says another kind of picture gets a further suffix.
    container.add_attachment(name if mimetype == guess_type(name)[0] else name + suffix, mimetype, content)
    return []


def _first_packet(path: Path, stream: Any) -> bytes:
    """The picture as the file holds it; empty where it cannot be read."""
    try:
        with open_input(path) as container:
            counterpart: Any = container.streams[stream.index]
            return next((bytes(packet) for packet in container.demux(counterpart) if packet.size), b"")
    except READ_ERRORS:
        # The pass that reads the complete file fails at the same position, and reports why.
        return b""


def _attached_frames(content: bytes) -> list[VideoFrame]:
    """The frame of an attached picture; none where it cannot be decoded, or holds several."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if getattr(image, "n_frames", 1) > 1:
                return []
        with cast(InputContainer, av.open(io.BytesIO(content), format=picture_format(content))) as container:
            return list(islice(container.decode(video=0), 1))
    except PICTURE_ERRORS:
        # The caller names what cannot be decoded.
        return []


def _encoder_of(source: Any, pix_fmt: str) -> tuple[str, str]:
    """The encoder of an image and its pixel format: PNG for all that is no JPEG."""
    kind = picture_format(source.data) if source.type == "attachment" else codec_of(source)
    encoder = "mjpeg" if kind in ("jpeg_pipe", "mjpeg") else "png"
    return encoder, encodable_format(pix_fmt, encoder)
