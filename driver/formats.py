"""Which container and encoder an output gets."""

from __future__ import annotations

from pathlib import Path

DEFAULT_ENCODER = "libx264"
ENCODER_BY_FORMAT = {"webm": "libvpx-vp9"}  # WebM holds no H.264
# FFmpeg's muxers by suffix, for the containers that hold H.264; a source of any other kind becomes Matroska.
# So does FLV: its muxer aborts the process on audio that it does not know.
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
}
FALLBACK_SUFFIX = ".mkv"


def output_name(source: Path) -> str:
    """The output's file name: the source's own where its container can be written, else with Matroska's suffix."""
    return source.name if source.suffix.lower() in MUXERS else source.name + FALLBACK_SUFFIX
