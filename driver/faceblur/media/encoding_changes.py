"""What encoding changes of a video stream, as lines for the report: codec, pixel format, fields, HDR10, aspect."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from faceblur.media.encoder_choice import EncoderChoice
from faceblur.media.encoder_tables import FIELD_ENCODERS, HOLD_ASPECT, LOSSLESS
from faceblur.media.first_frames import StreamProbe
from faceblur.media.frame_form import FrameForm
from faceblur.media.hdr import holds_hdr
from faceblur.media.orientation import is_exact
from faceblur.media.pixel_formats import loss
from faceblur.media.pyav import codec_of


def encoding_changes(
    source: Any, probe: StreamProbe, choice: EncoderChoice, *, muxer: str, encoder_is_given: bool
) -> Iterator[str]:
    """One line for each thing that changes. `encoder_is_given`: the user chose the codec, so that is not reported."""
    codec, written = codec_of(source), choice.codec
    if written != codec and not encoder_is_given:
        yield f"codec {codec}: written as {written}"
    # ProRes 4444 decodes to 12 bits, whatever it holds.
    if any(loss(probe.form.pix_fmt, choice.pix_fmt)) and choice.encoder != "prores_ks":
        yield f"pixel format {probe.form.pix_fmt}: written as {choice.pix_fmt}"
    if probe.interlaced and choice.encoder not in FIELD_ENCODERS | LOSSLESS:
        yield f"interlaced fields: woven into frames, as {written} has none"
    if probe.hdr and not holds_hdr(choice.encoder):
        yield f"HDR10 side data: {written} holds none"
    if probe.matrix and not is_exact(probe.matrix):
        yield "display matrix: kept, but it is no quarter turn; faces were searched at the nearest one"
    aspect = aspect_for_container(probe.form, written)
    if muxer == "avi" and aspect and aspect != 1:
        yield f"pixels of {aspect.numerator}:{aspect.denominator}: {written} in AVI holds none"


def aspect_for_container(form: FrameForm, codec: str) -> Fraction | None:
    """The pixels' aspect, width by height, that the container must hold.

    None where it is not known, or where `codec` holds it.
    """
    return form.aspect if form.aspect and codec not in HOLD_ASPECT else None
