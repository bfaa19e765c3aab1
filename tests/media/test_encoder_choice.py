"""Which encoder and which pixel format an output gets."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest

from faceblur.base.errors import UsageError
from faceblur.media.encoder_choice import check_encoder, choose_encoder, encodable_format


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv420p10le", "yuv420p10le"),
        ("yuv422p12le", "yuv422p10le"),
        ("yuyv422", "yuv422p"),
        ("nv12", "yuv420p"),
        ("gbrp", "yuv444p"),
        ("rgb24", "yuv444p"),
        ("gray", "gray"),
        ("yuva444p10le", "yuv444p10le"),
    ],
)
def test_pixel_format_that_loses_least(source: str, written: str) -> None:
    assert encodable_format(source, "libx264") == written


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "muxer", "written"),
    [
        ("hevc", "yuv420p10le", "mp4", ("libx265", "yuv420p10le")),
        ("vp9", "yuv420p10le", "webm", ("libsvtav1", "yuv420p10le")),  # its encoder here has 8 bits
        ("prores", "yuva444p12le", "mov", ("prores_ks", "yuva444p10le")),  # what it decodes to, not what it holds
        ("h264", "gbrp", "matroska", ("libx264rgb", "bgr0")),
        ("theora", "yuv420p", "matroska", ("libx264", "yuv420p")),
        ("theora", "yuv420p", "webm", ("libvpx-vp9", "yuv420p")),
        ("vc1", "yuv420p", "mp4", ("libx264", "yuv420p")),
    ],
)
def test_encoder_is_of_the_sources_codec_unless_it_loses(
    codec: str, pix_fmt: str, muxer: str, written: tuple[str, str]
) -> None:
    assert choose_encoder(codec, pix_fmt, muxer) == written


def test_hardware_encoder_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match="--encoder h264_v4l2m2m: there is no such encoder on this machine"):
        check_encoder("h264_v4l2m2m")


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "muxer", "encoder"),
    [
        ("rawvideo", "yuv420p", "matroska", "rawvideo"),
        ("rawvideo", "gbrp", "matroska", "ffv1"),
        ("rawvideo", "yuv420p10le", "matroska", "ffv1"),
        ("rawvideo", "pal8", "matroska", "ffv1"),
        ("rawvideo", "bgr24", "avi", "rawvideo"),
        ("smc", "pal8", "mov", "libx265"),  # VP9 refuses RGB with alpha
        ("avui", "yuva422p", "mov", "libx264"),  # and 4:2:2 with alpha
    ],
)
def test_what_is_chosen_can_be_written(codec: str, pix_fmt: str, muxer: str, encoder: str) -> None:
    choice = choose_encoder(codec, pix_fmt, muxer)
    with av.open(io.BytesIO(), "w", format=muxer) as container:
        stream: Any = container.add_stream(choice.encoder, rate=25, width=64, height=64)
        stream.pix_fmt = choice.pix_fmt
        container.start_encoding()
    assert choice.encoder == encoder
