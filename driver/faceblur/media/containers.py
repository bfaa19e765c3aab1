"""Which container an output gets: the source's own where FFmpeg can write its video into it, else Matroska."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# FFmpeg's muxers by suffix; a source of any other kind becomes Matroska.
MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".f4v": "mp4",
    ".mov": "mov",
    ".qt": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".divx": "avi",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".mpg": "vob",
    ".mpeg": "vob",
    ".vob": "vob",
    ".3gp": "3gp",
    ".3g2": "3g2",
    ".flv": "flv",
    ".mxf": "mxf",
    ".dv": "dv",
    ".wmv": "asf",
    ".asf": "asf",
}
# The video codecs of the containers that take few.
HOLDS = {
    "webm": {"vp8", "vp9", "av1"},
    "mpegts": {"mpeg1video", "mpeg2video", "mpeg4", "h264", "hevc"},
    "vob": {"mpeg1video", "mpeg2video"},
    "3gp": {"h263", "mpeg4", "h264"},
    "3g2": {"h263", "mpeg4", "h264"},
    "flv": {"h264", "flv1"},
    "mxf": {"mpeg2video", "dnxhd", "prores", "jpeg2000"},
    "dv": {"dvvideo"},
    "asf": {"wmv1", "wmv2", "msmpeg4v2", "msmpeg4v3", "mpeg4"},
    "avi": {"mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3", "h264", "mjpeg", "dvvideo", "wmv1", "wmv2"}
    | {"ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "png", "v210", "jpeg2000", "h263", "vp8"},
    "mp4": {"h264", "hevc", "vp9", "av1", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "png", "jpeg2000", "ffv1"},
    "mov": {
        "h264",
        "hevc",
        "mpeg1video",
        "mpeg2video",
        "mpeg4",
        "mjpeg",
        "png",
        "jpeg2000",
        "prores",
        "dnxhd",
        "dvvideo",
    }
    | {"h263", "qtrle", "v210", "cfhd", "rawvideo", "av1", "vp9"},
}
NOT_IN_MATROSKA = {
    "dvvideo",
    "flv1",
    "msmpeg4v2",
    "wmv1",
    "wmv2",
    "h263",
    "h263p",
    "dnxhd",
    "huffyuv",
    "ffvhuff",
    "utvideo",
} | {"magicyuv", "png", "qtrle", "v210", "cfhd"}
# The only audio that FLV's muxer takes: others abort the process.
FLV_AUDIO = {"aac", "mp3", "speex", "nellymoser"}
# The only audio whose times AVI keeps when packets are copied: it counts the others by bytes, and FFmpeg with it.
AVI_AUDIO = {"mp2", "mp3", "flac"}
FALLBACK_SUFFIX = ".mkv"
# Containers that cannot hold times below zero, which reordered frames at the very beginning would need.
FROM_ZERO = {"mpegts", "vob", "flv", "asf", "mxf", "avi"}


def output_name(source: Path, video: Sequence[str] = (), audio: Sequence[str] = ()) -> str:
    """The output's file name: the source's own where its container takes these codecs, else with Matroska's suffix.

    `video` are the codecs that the video streams are written in, `audio` those that are copied.
    """
    muxer = MUXERS.get(source.suffix.lower())
    fits = muxer is not None and all(holds(muxer, codec) for codec in video)
    if muxer == "flv":
        fits = fits and set(audio) <= FLV_AUDIO
    if muxer == "avi":
        fits = fits and all(name in AVI_AUDIO or name.startswith("pcm_") for name in audio)
    return source.name if fits else source.name + FALLBACK_SUFFIX


def holds(muxer: str, codec: str) -> bool:
    """Whether a container takes a video codec."""
    return codec in HOLDS[muxer] if muxer in HOLDS else codec not in NOT_IN_MATROSKA
