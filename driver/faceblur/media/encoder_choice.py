"""Which encoder writes a video stream, and in which pixel format: the source's own where FFmpeg can write it."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import av
import av.error
from av.video.frame import VideoFrame

from faceblur.base.errors import MediaError, UsageError
from faceblur.media.containers import holds
from faceblur.media.encoder_tables import ENCODERS, EVEN_SIDES, HARDWARE, encoders_for
from faceblur.media.pixel_formats import depth, has_full_chroma, is_encodable, is_planar, loss, planar_format

LIST_TOO_MUCH = ("rawvideo", "libvpx", "libvpx-vp9")  # encoders that list pixel formats which they or a muxer refuse
MIN_DEPTH = 10  # bits that are kept of a deeper source
os.environ.setdefault("SVT_LOG", "1")  # else SVT-AV1 writes its settings to stderr; 1: errors only


class EncoderChoice(NamedTuple):
    """FFmpeg's name of an encoder, and the pixel format that it is given."""

    encoder: str
    pix_fmt: str

    @property
    def codec(self) -> str:
        """The codec that the encoder writes."""
        return av.Codec(self.encoder, "w").canonical_name


def choose_encoder(
    codec: str, pix_fmt: str, muxer: str, encoder: str | None = None, *, odd: bool = False
) -> EncoderChoice:
    """Choose an encoder and its pixel format for a source's codec and pixel format, in this container.

    The source's codec stays if one of its encoders loses little: it keeps colour, chroma and alpha, and at least 10
    bits of a deeper format. `encoder` None leaves the choice open. `odd`: the frame has an odd side. Raises MediaError
    when nothing can be written.
    """
    candidates = []
    own = ENCODERS.get(codec, ())
    for order, name in enumerate(encoders_for(codec, encoder)):
        available = _video_encoder(name)
        if available is None or not holds(muxer, available.canonical_name):
            continue
        written = encodable_format(pix_fmt, name, odd=odd)
        lost = loss(pix_fmt, written)
        is_small = lost[1:4] == (0, 0, 0) and (lost[0] == 0 or depth(written) >= MIN_DEPTH)
        candidates.append((not is_small, name not in own, () if is_small else lost, order, name, written))
    candidates = [one for one in sorted(candidates) if _opens(*one[-2:], muxer)]
    if not candidates:
        raise MediaError(f"{encoder or codec} cannot be written into {muxer}: choose another --encoder")
    return EncoderChoice(*candidates[0][-2:])


def encodable_format(source: str, encoder: str, *, odd: bool = False) -> str:
    """The source's pixel format where the encoder takes it, else the one that loses least.

    `odd`: the frame has an odd side, which some encoders take without subsampled chroma only.
    """
    formats = [fmt.name for fmt in av.Codec(encoder, "w").video_formats or []]
    formats = [name for name in formats if is_encodable(name)] or [source]
    if odd and (encoder in EVEN_SIDES or encoder.endswith(HARDWARE)):
        formats = [name for name in formats if has_full_chroma(name)] or formats
    return min(formats, key=lambda name: (loss(source, name), not is_planar(name), name != source))


@cache
def _opens(encoder: str, pix_fmt: str, muxer: str) -> bool:
    """Whether an encoder and a muxer really take a pixel format: some list more of them."""
    if encoder not in LIST_TOO_MUCH:
        return True
    try:
        VideoFrame(64, 64, planar_format(pix_fmt)).reformat(format=pix_fmt)
        trial = av.open(io.BytesIO(), "w", format=muxer)
        stream: Any = trial.add_stream(encoder, rate=25, width=64, height=64)
        stream.pix_fmt = pix_fmt
        trial.start_encoding()
        trial.close()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def check_encoder(name: str) -> str:
    """The codec that an encoder writes.

    Raises UsageError unless FFmpeg has the encoder; one in hardware must also open on this machine.
    """
    encoder = _video_encoder(name)
    if encoder is None or encoder.type != "video":
        raise UsageError(f"--encoder {name}: FFmpeg has no video encoder of this name")
    if name.endswith(HARDWARE):
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt, context.time_base = 256, 256, "yuv420p", Fraction(1, 25)
        try:
            context.open()
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"--encoder {name}: there is no such encoder on this machine, or its driver is missing: leave it out"
            ) from error
    return encoder.canonical_name


def _video_encoder(name: str) -> av.Codec | None:
    try:
        return av.Codec(name, "w")
    except (av.error.FFmpegError, ValueError):
        return None
