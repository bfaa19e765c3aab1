"""What becomes of the side data of decoded frames: kept by an encoder, of no meaning for an output, or lost and named.

The types are those of FFmpeg's AVFrameSideDataType. Display matrix and HDR10 are in `stream_encoder` and `hdr`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import av
from av.video.frame import VideoFrame

from faceblur.media.hidden_files import holds_file
from faceblur.media.pyav import side_data_items, side_data_of

EXIF, ICC_PROFILE = 31, 15  # FFmpeg's numbers of these types
PROFILE_WITH_PICTURE = "ICC_PROFILE with a picture in it"
# Types that are named where they are lost.
NAMES = {
    "A53_CC": "closed captions",
    "AFD": "active format description",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "DETECTION_BBOXES": "boxes of a detector",
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "EXIF": "EXIF",
    "FILM_GRAIN_PARAMS": "film grain",
    "GOP_TIMECODE": "timecodes of groups of pictures",
    "ICC_PROFILE": "ICC profile",
    "LCEVC": "LCEVC's enhancement",
    "PANSCAN": "pan and scan",
    "REFERENCE_DISPLAYS_3D": "3D reference displays",
    "REGIONS_OF_INTEREST": "regions of interest",
    "S12M_TIMECODE": "timecodes of frames",
    "SEI_UNREGISTERED": "user data, which may hold a location",
    "SPHERICAL": "360° projection",
    "STEREO3D": "stereo video",
    "VIEW_ID": "views of a stereo video",
}
# Encoders that write a type again.
KEPT_BY = {
    "A53_CC": frozenset({"libx264", "libx264rgb", "libx265", "mpeg2video", "h264_nvenc", "hevc_nvenc"}),
    "ICC_PROFILE": frozenset({"mjpeg", "png"}),
    "STEREO3D": frozenset({"libx264", "libx264rgb"}),
}
# Types without a meaning for an output, and why.
NO_MEANING = {
    "DISPLAYMATRIX": "written by the container",
    "MASTERING_DISPLAY_METADATA": "written or named as HDR10",
    "CONTENT_LIGHT_LEVEL": "written or named as HDR10",
    "MOTION_VECTORS": "of the source's encoding",
    "VIDEO_ENC_PARAMS": "of the source's encoding",
    "VIDEO_HINT": "for encoders",
    "MATRIXENCODING": "of audio, which is copied",
    "DOWNMIX_INFO": "of audio, which is copied",
    "REPLAYGAIN": "of audio, which is copied",
    "SKIP_SAMPLES": "of audio, which is copied",
    "AUDIO_SERVICE_TYPE": "of audio, which is copied",
}
# Which encoder made the source, in a SEI message of H.264 and HEVC: x264's and x265's identities.
ENCODER_NOTES = (bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"), bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e"))
PANSCAN_POSITIONS = 12  # where AVPanScan has its six numbers, after three of four bytes
GOP_TIME = 0xFFEFFF  # hours, minutes, seconds and pictures of a time code of MPEG-2, without its flags


def meaningful_types(pixels: VideoFrame, *, is_first: bool) -> Iterator[str]:
    """The types of a frame's side data that an output would have to keep."""
    for name, content in side_data_items(pixels):
        if name in NO_MEANING or (name == "SEI_UNREGISTERED" and content.startswith(ENCODER_NOTES)):
            continue
        if name == "PANSCAN" and not any(content[PANSCAN_POSITIONS:]):
            continue
        # Every encoder of MPEG-2 counts from zero.
        if name == "GOP_TIMECODE" and (not is_first or not struct.unpack_from("=q", content)[0] & GOP_TIME):
            continue
        yield PROFILE_WITH_PICTURE if name == "ICC_PROFILE" and holds_file(content) else name


def lost_side_data(types: Iterable[str], encoder: str) -> list[str]:
    """The names of those types of side data that an encoder does not write."""
    lost = [NAMES.get(one, f"side data of the type {one}") for one in types if encoder not in KEPT_BY.get(one, ())]
    return sorted(set(lost))


def without_pictures(pixels: VideoFrame) -> VideoFrame:
    """The frame itself, or one that shares its planes without the side data that may show what the frame showed.

    Images hold the location, the camera and a small copy of themselves in EXIF, and FFmpeg's encoder of PNG writes it.
    A colour profile may hold a picture too.
    """
    found = side_data_of(pixels)
    removed = [EXIF] * ("EXIF" in found) + [ICC_PROFILE] * holds_file(found.get("ICC_PROFILE", b""))
    if not removed:
        return pixels
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=pixels.width, height=pixels.height, format=pixels.format, time_base=pixels.time_base
    )
    filters = [graph.add("sidedata", f"mode=delete:type={number}") for number in removed]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    graph.push(pixels)
    clean: Any = graph.pull()
    assert isinstance(clean, VideoFrame)
    return clean
