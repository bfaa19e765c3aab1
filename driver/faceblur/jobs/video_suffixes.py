"""Which files must be videos: by their suffix, or by their first bytes. A run fails where such a file cannot be read.

The suffixes are those of FFmpeg's demuxers for video, and those of cameras, recorders and older players.
"""

from __future__ import annotations

from pathlib import Path

from faceblur.media.signatures import is_text, looks_like_video

OF_DEMUXERS = (
    "264 265 266 3g2 3gp amv asf av1 avc avi avs2 avs3 bik bk2 cavs cdxl cine dav drc dv evc f4v flc fli flv gxf h261 "
    "h263 h264 h265 h266 h26l hevc hxvs ifv ipu ismv ivf ivr kux lvf m4v mj2 mjpeg mjpg mk3d mkv mods moflex mov mp4 "
    "mpeg mpg mve mxf mxg nsv nut nuv obu ogv pdv pmp psp pva r3d rcv rm rmvb roq smk thp ts ty usm v210 vc1 viv vqa "
    "vvc webm wmv wtv xmv y4m yuv yuv10"
)
OF_DEVICES = (
    "360 3gp2 3gpp braw cmaf crm divx dvr-ms evo f4p g64 g64x h64 insv k3g lrv m1v m2p m2t m2ts m2v m4s mjp2 mlv mp2v "
    "mp4v mpe mpeg4 mpv mpv2 mqv mts ogm qt rsv ssif svi tod tp trp vp8 vp9 vob vro wm xesc xvid"
)
VIDEO_SUFFIXES = frozenset(f".{name}" for name in f"{OF_DEMUXERS} {OF_DEVICES}".split())
# Suffixes of programs' sources too.
SHARED_WITH_TEXT = frozenset({".ts", ".mts"})
# Of the same containers, without video.
NO_VIDEO_SUFFIXES = frozenset(
    {".aax", ".f4a", ".f4b", ".isma", ".m4a", ".m4b", ".m4p", ".m4r", ".mka", ".mks", ".ra", ".wma"}
)


def must_be_video(path: Path) -> bool:
    """Whether a file is a video by its suffix or its first bytes. Raises OSError."""
    suffix = path.suffix.lower()
    # A Mac leaves a file `._NAME` beside each on foreign disks, which holds no video.
    if path.name.startswith("._") or suffix in NO_VIDEO_SUFFIXES:
        return False
    if suffix in VIDEO_SUFFIXES:
        return not (suffix in SHARED_WITH_TEXT and is_text(path))
    return looks_like_video(path)
