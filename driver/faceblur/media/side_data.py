"""The side data of a decoded frame, and the frame without what identifies a location or a device."""

from __future__ import annotations

from typing import Any

import av
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

# FFmpeg's types that PyAV's list lacks.
UNLISTED = {28: "LCEVC", 29: "VIEW_ID", 30: "REFERENCE_DISPLAYS_3D", 31: "EXIF"}
EXIF = 31


def _unlisted(types: Any, value: int) -> SideDataType:
    """A member for a type that FFmpeg knows and PyAV does not: else no side data of such a frame can be read."""
    member: Any = object.__new__(types)
    member._name_, member._value_ = UNLISTED.get(value, f"TYPE_{value}"), value
    found: SideDataType = types._value2member_map_.setdefault(value, member)
    return found


SideDataType._missing_ = classmethod(_unlisted)  # type: ignore[method-assign, assignment]


def side_data_of(pixels: VideoFrame) -> dict[str, bytes]:
    """A frame's side data by the names of FFmpeg's types, such as `A53_CC`."""
    found: Any = pixels.side_data  # iterates over its values, whatever its type says
    return {one.type.name: bytes(one) for one in found}


def without_exif(pixels: VideoFrame) -> VideoFrame:
    """The frame itself, or where EXIF comes with it one that shares its planes without EXIF.

    Images hold the location, the camera and a small copy of themselves there, and FFmpeg's encoder of PNG writes it.
    """
    if "EXIF" not in side_data_of(pixels):
        return pixels
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=pixels.width, height=pixels.height, format=pixels.format, time_base=pixels.time_base
    )
    graph.link_nodes(source, graph.add("sidedata", f"mode=delete:type={EXIF}"), graph.add("buffersink")).configure()
    graph.push(pixels)
    clean: Any = graph.pull()
    assert isinstance(clean, VideoFrame)
    return clean
