"""Which container, encoder and pixel format an output gets."""

from __future__ import annotations

from pathlib import Path

import av

from driver.planes import is_planar

DEFAULT_ENCODER = "libx264"
ENCODER_BY_FORMAT = {"webm": "libvpx-vp9"}  # WebM holds no H.264
# FFmpeg's muxers by suffix, for the containers that hold H.264; a source of any other kind becomes Matroska.
MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".qt": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".3gp": "3gp",
    ".flv": "flv",
}
FALLBACK_SUFFIX = ".mkv"


def encodable_format(source: str, encoder: str) -> str:
    """The source's pixel format where the encoder and `planes` take it, else the nearest that they do."""
    accepted = [fmt.name for fmt in av.Codec(encoder, "w").video_formats or [] if is_planar(fmt.name)]
    if source in accepted or not accepted:
        return source if is_planar(source) else "yuv420p"
    wanted = av.VideoFormat(source)
    deep = max(component.bits for component in wanted.components) > 8
    for name in ["yuv420p10le", "yuv420p"] if deep else ["yuv420p"]:
        if name in accepted:
            return name
    return accepted[0]


def output_name(source: Path) -> str:
    """The output's file name: the source's own where its container can be written, else with Matroska's suffix."""
    return source.name if source.suffix.lower() in MUXERS else source.name + FALLBACK_SUFFIX
