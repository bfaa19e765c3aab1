"""A frame that the function sent back is compared with the clear one: what is not redacted is an error."""

from __future__ import annotations

import av
import pytest

from examples.sample_clip import Image
from faceblur.base.errors import InvalidReply
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.returned_frames import verify_redacted
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import redact

BOX = (180.0, 70.0, 270.0, 190.0)


@pytest.fixture
def frame(face: Image) -> DecodedFrame:
    return DecodedFrame(0, 0, av.VideoFrame.from_ndarray(face, "bgr24").reformat(format="yuv420p"))


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_redacted_frame_passes_and_a_clear_one_does_not(face: Image, frame: DecodedFrame, style: str) -> None:
    masked = regions([BOX], 0.25)
    redacted = face.copy()
    redact(redacted, masked, style)
    verify_redacted(frame, redacted, masked, style)
    with pytest.raises(InvalidReply, match="without being redacted"):
        verify_redacted(frame, face, masked, style)


def test_another_size_is_an_error(face: Image, frame: DecodedFrame) -> None:
    with pytest.raises(InvalidReply, match="a redacted frame of"):
        verify_redacted(frame, face[:-2], [], "blur")


def test_region_beyond_the_frame_is_no_error(face: Image, frame: DecodedFrame) -> None:
    verify_redacted(frame, face, regions([(600.0, 600.0, 700.0, 700.0)], 0.25), "blur")
