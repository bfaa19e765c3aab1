"""A frame without the side data that identifies a location or a device."""

from __future__ import annotations

from typing import Any

import av
from av.video.frame import VideoFrame

from faceblur.media.pyav import side_data_of

EXIF = 31  # FFmpeg's number of its type


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
