"""What PyAV does not offer itself: a stream's decoder, and its facts as plain values.

PyAV's own types are used in this package only. Their attributes differ between kinds of stream, hence `Any`.
"""

from __future__ import annotations

import ctypes
import gc
import struct
from fractions import Fraction
from typing import Any

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.dictionary import Dictionary
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

# What PyAV raises while a file is opened, read or written; not MemoryError, which says nothing about the file.
READ_ERRORS: tuple[type[Exception], ...] = (
    *(one for one in av.error.FFmpegError.__subclasses__() if not issubclass(one, MemoryError)),
    OSError,
)
WRITE_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, ValueError)
# FFmpeg's types that PyAV's list lacks.
UNLISTED = {28: "LCEVC", 29: "VIEW_ID", 30: "REFERENCE_DISPLAYS_3D", 31: "EXIF"}


def decoder_of(stream: Any, *, in_step: bool = False) -> Any:
    """The decoder of a stream: FFmpeg's own decoders of VP8 and VP9 drop alpha, those of libvpx keep it.

    `in_step`: it decodes one packet after the other, so that what it reports belongs to the last one.
    """
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.codec.canonical_name)
    if name and any(tag.lower() == "alpha_mode" and value == "1" for tag, value in stream.metadata.items()):
        return av.CodecContext.create(name, "r")
    stream.thread_type = "SLICE" if in_step else "AUTO"
    return stream.codec_context


def codec_of(stream: Any) -> str:
    """FFmpeg's name of a stream's codec; empty for one that it does not know."""
    if stream.codec_context is not None:
        return str(stream.codec_context.codec.canonical_name)
    # Without a decoder only streams of data say it: one of them is given the stream's parameters.
    with av.open("nowhere", "w", format="null") as scratch:
        data: Any = scratch.add_data_stream("klv")
        BitStreamFilterContext("null", stream, data)
        return data.name or ""


def has_late_streams(container: Any) -> bool:
    """Whether a file that was read to its end has streams that FFmpeg found only in reading: PyAV does not list those.

    It checks an index against FFmpeg's number of streams, and only then looks the stream up in its own list.
    """
    with av.open("nowhere", "w", format="null") as scratch:
        for _ in range(len(container.streams) + 1):
            beyond = scratch.add_data_stream("klv")
        try:
            next(container.demux(beyond), None)
        except IndexError:
            return True
        except WRITE_ERRORS:  # also ValueError, of an index that FFmpeg does not have
            return False
    return False


def codec_tag(stream: Any) -> str:
    """The four characters by which the container names the codec; empty where they are no text."""
    try:
        return str(stream.codec_context.codec_tag)
    except UnicodeDecodeError:
        return ""


def describe(stream: Any) -> str:
    """A stream in the words of messages: `stream 1 (data, klv)`."""
    has_decoder = stream.codec_context is not None
    codec = stream.codec_context.name if has_decoder else getattr(stream, "name", None) or codec_of(stream)
    return f"stream {stream.index} ({stream.type}, {codec or 'unknown'})"


def _unlisted(types: Any, value: int) -> SideDataType:
    """A member for a type that FFmpeg knows and PyAV does not: else no side data of such a frame can be read."""
    member: Any = object.__new__(types)
    member._name_, member._value_ = UNLISTED.get(value, f"TYPE_{value}"), value
    found: SideDataType = types._value2member_map_.setdefault(value, member)
    return found


SideDataType._missing_ = classmethod(_unlisted)  # type: ignore[method-assign, assignment]


def side_data_items(pixels: VideoFrame) -> list[tuple[str, bytes]]:
    """A frame's side data: the names of FFmpeg's types, such as `A53_CC`, and the contents. A type may come twice."""
    # Not the frame's own attribute: that keeps pointers which are freed when the frame is made writable.
    container: Any = SideDataContainer
    found = container(pixels)
    for one in found:
        for metadata in gc.get_referents(one):
            # PyAV would free what belongs to the frame, as the name of a PNG's profile: that would crash the process.
            if isinstance(metadata, Dictionary) and len(metadata):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(metadata))
    return [(one.type.name, bytes(one)) for one in found]


def side_data_of(pixels: VideoFrame) -> dict[str, bytes]:
    """A frame's side data by type."""
    return dict(side_data_items(pixels))


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """A decoded frame's display matrix, 9 integers by rows; None where the file holds none."""
    content = side_data_of(frame).get("DISPLAYMATRIX")
    return None if content is None else struct.unpack_from("=9i", content)


def seconds_of(item: Any) -> float | None:
    """The time of a packet or frame in seconds, None where it has none."""
    return None if item.pts is None or item.time_base is None else in_seconds(item.pts, item.time_base)


def in_seconds(ticks: int, time_base: Fraction) -> float:
    """So many units of time in seconds: `float(ticks * time_base)`, to the bit, in a tenth of the time."""
    return ticks * time_base.numerator / time_base.denominator


def reason(error: BaseException) -> str:
    """Why something failed, in FFmpeg's or the system's words, without a path."""
    if isinstance(error, av.error.ExternalError):  # such as x264's, which says no more
        return f"{error.strerror}: the memory may have run out"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
