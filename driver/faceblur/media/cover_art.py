"""Cover art: streams that are one attached image. It is decoded, redacted as a frame, and encoded again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from faceblur.media.encoder_choice import encodable_format
from faceblur.media.encoder_tables import QSCALE
from faceblur.media.first_frames import read_first_frames
from faceblur.media.frames import DecodedFrame
from faceblur.media.pixel_formats import planar_format
from faceblur.media.pyav import codec_of

MUXERS_WITH_COVER_ART = ("mp4", "mov", "matroska")
TIME_BASE = Fraction(1, 25)  # of an image that is alone in its stream: any


def decode_cover_art(path: Path, stream: Any) -> DecodedFrame | None:
    """The image of a stream in the format that it is redacted in; None where it cannot be decoded or is one of many."""
    if stream.codec_context is None or stream.disposition & Disposition.timed_thumbnails:
        return None
    frames = read_first_frames(path, stream, 1)
    if not frames:
        return None
    pixels = frames[0]
    _, pix_fmt = _encoder_of(stream, pixels.format.name)
    pixels.pts, pixels.time_base = pixels.pts or 0, pixels.time_base or TIME_BASE
    return DecodedFrame(stream.index, 0, pixels).in_format(planar_format(pix_fmt))


def add_cover_art(container: OutputContainer, source: Any, pixels: VideoFrame, muxer: str) -> list[Packet[Any]]:
    """Add a redacted image to an output: as an attachment, or as a stream whose packets are to be written first."""
    encoder, pix_fmt = _encoder_of(source, pixels.format.name)
    stream: Any = container.add_stream(encoder, rate=25) if muxer != "matroska" else None
    context: Any = av.CodecContext.create(encoder, "w") if stream is None else stream.codec_context
    context.width, context.height, context.pix_fmt = pixels.width, pixels.height, pix_fmt
    context.time_base, context.color_range = TIME_BASE, pixels.color_range
    if encoder == "mjpeg":
        context.color_range = ColorRange.JPEG
        context.qscale, context.global_quality = True, QSCALE[encoder]
    pixels.pts, pixels.time_base, pixels.pict_type = 0, TIME_BASE, 0
    if stream is not None:
        stream.disposition = source.disposition
        return [*stream.encode(pixels), *stream.encode(None)]
    content = b"".join(bytes(packet) for packet in [*context.encode(pixels), *context.encode(None)])
    suffix, mimetype = (".jpg", "image/jpeg") if encoder == "mjpeg" else (".png", "image/png")
    name = Path(source.metadata.get("filename") or "cover")
    container.add_attachment(name.name if name.suffix else name.name + suffix, mimetype, content)
    return []


def _encoder_of(source: Any, pix_fmt: str) -> tuple[str, str]:
    """The encoder of an image and its pixel format: PNG for all that is no JPEG."""
    encoder = "mjpeg" if codec_of(source) == "mjpeg" else "png"
    return encoder, encodable_format(pix_fmt, encoder)
