"""Which container an output gets: the source's own where FFmpeg can write its streams into it, else Matroska."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
# Those that hold a display matrix; FFmpeg drops it silently in all others.
HOLD_MATRIX = frozenset({"mp4", "mov", "3gp", "3g2", "matroska", "webm"})
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
# Where the source's own container is none, or loses more: the last takes a few kinds of audio that Matroska does not.
FALLBACKS = {".mkv": "matroska", ".mov": "mov"}
# Containers that cannot hold times below zero, which reordered frames at the very beginning would need.
FROM_ZERO = {"mpegts", "vob", "flv", "asf", "mxf", "avi"}


def output_name(source: Path, video: Sequence[str], lost: Callable[[str], tuple[int, int]]) -> str:
    """The output's file name: the source's own where its container takes everything, else with another's suffix.

    `video` are the codecs that the video streams are written in. `lost` says how much of the copied audio and how many
    of the subtitles FFmpeg's muxer of a name does not keep. The container that loses least is chosen; the source's own
    among equals, then Matroska. Where it does not take a video codec, another one is written: that is less of a loss
    than audio.
    """
    names = {source.name + suffix: muxer for suffix, muxer in FALLBACKS.items()}
    own = MUXERS.get(source.suffix.lower())
    if own and all(holds(own, codec) for codec in video):
        names = {source.name: own} | names
    best, least = source.name + next(iter(FALLBACKS)), None
    for name, muxer in names.items():
        audio, subtitles = lost(muxer)
        loss = audio, sum(not holds(muxer, codec) for codec in video), subtitles
        if least is None or loss < least:
            best, least = name, loss
        if not any(loss):
            break
    return best


def holds(muxer: str, codec: str) -> bool:
    """Whether a container takes a video codec."""
    return codec in HOLDS[muxer] if muxer in HOLDS else codec not in NOT_IN_MATROSKA
