"""Whether a container keeps the packets of a stream that are copied into it: FFmpeg's muxers are asked.

They are asked in memory. What they accept and then write otherwise is in KEPT.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer

from faceblur.media.pyav import codec_of

PCM = {f"pcm_{one}" for one in ("u8", "s16le", "s24le", "s32le", "s64le", "f32le", "f64le", "alaw", "mulaw")}
# By muxer, for the kinds of stream of which it accepts more than it keeps.
KEPT: dict[tuple[str, str], set[str]] = {
    # Others end the process.
    ("flv", "audio"): {"aac", "mp3", "speex", "nellymoser", "ac3", "eac3", "opus", "flac"}
    | {"adpcm_swf", "pcm_u8", "pcm_s16le", "pcm_alaw", "pcm_mulaw"},  # with the rates of FLV
    # Others are counted by bytes, by FFmpeg too, and lose their times.
    ("avi", "audio"): {"mp2", "mp3", "flac"} | PCM,
    ("asf", "audio"): {"wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless", "mp2", "mp3", "ac3", "aac"} | PCM,
    ("asf", "subtitle"): set(),
    # Others become private data, which nothing recognizes.
    ("mpegts", "audio"): {
        "aac",
        "aac_latm",
        "ac3",
        "eac3",
        "dts",
        "mp1",
        "mp2",
        "mp3",
        "opus",
        "s302m",
        "truehd",
        "pcm_bluray",
    },
    ("mpegts", "subtitle"): {"dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "arib_caption"},
    # Others become DVD's audio or subtitles.
    ("vob", "audio"): {"mp1", "mp2", "mp3", "ac3", "eac3", "dts", "pcm_dvd"},
    ("vob", "subtitle"): {"dvd_subtitle"},
}
# A video stream that each muxer takes without further parameters; h264 where none is named.
VIDEO = {"matroska": "vp8", "webm": "vp8", "asf": "wmv2", "vob": "mpeg2video", "avi": "mpeg4", "mpegts": "mpeg2video"}
CODED = {"mxf": "mpeg2video", "dv": "dvvideo"}  # these two look into the encoder
# A codec that a muxer takes, to be overwritten by the real parameters.
ANY = ("vp8", "h264", "mpeg2video", "mpeg4", "wmv2", "dvvideo")
LAYOUTS = {1: "mono", 2: "stereo"}


def lost_streams(muxer: str, streams: Sequence[Any]) -> tuple[int, int]:
    """How many of these streams a container does not keep: of audio, and of subtitles."""
    lost = [one.type for one in streams if not keeps(muxer, one)]
    return lost.count("audio"), lost.count("subtitle")


def keeps(muxer: str, source: Any) -> bool:
    """Whether the packets of an audio, subtitle or data stream are the same again in a file by this muxer."""
    if codec_of(source) not in KEPT.get((muxer, source.type), {codec_of(source)}):
        return False
    if muxer == "flv" and source.type == "audio" and codec_of(source).startswith(("pcm", "adpcm")):
        # It writes rates that it cannot hold, as 16 kHz, as others.
        return bool(source.container.format.name == "flv")
    trial = av.open(io.BytesIO(), "w", format=muxer)
    try:
        if muxer in CODED:
            trial.add_stream(CODED[muxer], rate=25, width=720, height=576)
        else:
            trial.add_mux_stream(VIDEO.get(muxer, "h264"), rate=25, width=720, height=576)
        add_copy(trial, source, muxer)
        trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    finally:
        with suppress(av.error.FFmpegError):  # without a frame, MXF has no end
            trial.close()
    return True


def add_copy(container: OutputContainer, source: Any, muxer: str) -> Any:
    """Add a stream with the source's parameters to an output. Raises ValueError where its muxer takes no such codec.

    A muxer's answer may come only with the header: `keeps` waits for it.
    """
    try:
        stream: Any = container.add_stream_from_template(source, opaque=True)
    except ValueError:
        # PyAV knows no stream without a decoder, and not that Matroska takes audio of AVI and WAV by their numbers.
        if source.codec_context is not None and (muxer, source.type) != ("matroska", "audio"):
            raise
        return _add_by_parameters(container, source)
    if source.type == "audio" and (layout := stream.codec_context.layout).name == f"{layout.nb_channels} channels":
        # MP4 writes no PCM without a layout.
        stream.codec_context.layout = LAYOUTS.get(layout.nb_channels, layout)
    return stream


def _add_by_parameters(container: OutputContainer, source: Any) -> Any:
    with av.open("nowhere", "w", format="null") as scratch:
        # By this detour the number goes by which the source's container names the codec: another's means another codec.
        plain = source if source.codec_context is None else scratch.add_stream_from_template(source, opaque=True)
        for name in ANY:
            try:
                stream = container.add_mux_stream(name)
            except ValueError:
                continue
            BitStreamFilterContext("null", plain, stream)
            stream.time_base = source.time_base
            return stream
    raise ValueError("the container takes no stream")
