"""Opens video files: regular ones, in those of FFmpeg's formats whose video is in the very file.

Not opened are formats that name other files or addresses (playlists such as hls, dash, concat and sdp; mlv, which has
parts), that read a whole folder (image2), that are devices (lavfi, v4l2), that draw text (tty), and those that hold
images or audio only.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer

CONTAINERS = (
    "3dostr 4xm anm apv argo_brp asf asf_o avi avs bethsoftvid bfi bink bmv c93 cdg cdxl cine dcstr derf dfa dhav "
    "dsicin dv dxa ea film_cpk filmstrip flic flv frm gdv gxf hnm hxvs idcin ifv ipmovie iss iv8 ivf ivr jv kux "
    "live_flv lmlm4 luodat lvf lxf matroska mgsts mm mods moflex mov mpeg mpegts mpegtsraw mtv mv mvi mxf mxg nc nsv "
    "nut nuv ogg paf pdv pmp psxstr pva r3d rl2 rm roq rpl ser sga siff smjpeg smk smush swf thp tiertexseq tmv ty "
    "usm vividas vivo vmd wc3movie wsvqa wtv xmv yop yuv4mpegpipe"
)
# A video stream without a container.
RAW_VIDEO = (
    "av1 avs2 avs3 cavsvideo dirac dnxhd evc h261 h263 h264 hevc ingenient ipu m4v mjpeg mjpeg_2000 mpegvideo mpjpeg "
    "msnwctcp obu vc1 vc1test vvc"
)
WITHOUT_TIMES = frozenset(RAW_VIDEO.split()) - {"msnwctcp", "vc1test"}
INPUT_OPTIONS = {"format_whitelist": f"{CONTAINERS} {RAW_VIDEO}".replace(" ", ","), "protocol_whitelist": "file"}
# How far FFmpeg looks for streams that begin late, in bytes and microseconds: it looks no further than 5 MB by itself.
# Where an MPEG-TS goes on with other numbers of streams, as where files were put together, they are the same streams.
FURTHER = {"probesize": str(32 << 20), "analyzeduration": str(120_000_000), "merge_pmt_versions": "1"}
# FFmpeg takes a file of JPEG images for one image, except where each has the mark of a camera.
JPEG_IMAGES, JPEG_BEGIN = (".mjpeg", ".mjpg"), b"\xff\xd8\xff"
OPEN_SECONDS = 60.0  # that opening a file may take: a header of 10 hours is read from a slow disk within seconds


class NotOpened(OSError):
    """A file is not opened, though it may be readable. The message says why, without the file's name."""


def open_input(path: Path) -> InputContainer:
    """Open a file for reading, no other file that it names, and only in a format of INPUT_OPTIONS.

    Raises READ_ERRORS of pyav, NotOpened among them.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a FIFO, which nobody may ever write to, or a device
        raise NotOpened("no regular file")
    if found.st_size == 0:
        raise NotOpened("the file is empty")
    container = _open(path, INPUT_OPTIONS)
    if not _may_hold_more(path, container):
        return container
    container.close()
    return _open(path, INPUT_OPTIONS | FURTHER)


def _open(path: Path, options: dict[str, str]) -> InputContainer:
    try:
        # With a protocol, since a name such as `http:x` is a file's too.
        return av.open(
            f"file:{path}",
            format=_format_of(path),
            options=options,
            metadata_errors="replace",
            timeout=(OPEN_SECONDS, None),
        )
    except av.error.ArgumentError as error:
        raise NotOpened("not a video, or in a format that is not opened, as playlists and images") from error
    except av.error.ExitError as error:
        raise NotOpened(f"opening it took longer than {OPEN_SECONDS:g} s") from error


def _format_of(path: Path) -> str | None:
    """The format that a file is opened in, where FFmpeg would choose another one; None: FFmpeg chooses."""
    if path.suffix.lower() not in JPEG_IMAGES:
        return None
    with path.open("rb") as file:
        return "mjpeg" if file.read(len(JPEG_BEGIN)) == JPEG_BEGIN else None


def _may_hold_more(path: Path, container: InputContainer) -> bool:
    """Whether streams may begin later than FFmpeg looked: some have no packet yet, or there is none of audio at all.

    A stream that FFmpeg finds only while it reads cannot be copied any more.
    """
    audio: Any = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if any(not stream.sample_rate for stream in audio) or not all(one.width for one in _decodable(container)):
        return True
    names = container.format.name.split(",")
    if "flv" in names:
        with path.open("rb") as file:
            announced = file.read(5)[4:]
        return (announced >= b"\4" and not audio) or not container.streams.video
    return "mpeg" in names and not audio


def _decodable(container: InputContainer) -> list[Any]:
    return [stream for stream in container.streams.video if stream.codec_context is not None]
