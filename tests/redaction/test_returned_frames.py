"""A frame that the function sent back is compared with the clear one: what is not redacted is an error."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur.base.errors import InvalidReply
from faceblur.media.frames import DecodedFrame
from faceblur.redaction.returned_frames import gray_image, verify_redacted, verify_unchanged
from faceblur.tracking.thumbnails import Thumbnail, thumbnail
from faceblur_function.images import decode_image, encode_image
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
    beyond = (600.0, 600.0, 700.0, 700.0)
    verify_redacted(frame, face, regions([beyond], 0.25), "blur")
    with pytest.raises(InvalidReply, match="without being redacted"):
        verify_redacted(frame, face, regions([beyond, BOX], 0.25), "blur")


def upright(face: Image) -> Thumbnail:
    return thumbnail(DecodedFrame(0, 0, av.VideoFrame.from_ndarray(face, "bgr24")).thumbnail(320), 512 / 320)


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_what_is_masked_but_not_listed_is_an_error(face: Image, style: str) -> None:
    redacted = face.copy()
    redact(redacted, regions([BOX], 0.25), style)
    clear, returned = upright(face), encode_image(redacted, "jpeg", 95)
    for image in (gray_image(returned, clear), decode_image(returned)):
        verify_unchanged(image, clear, [BOX], 0.25)
        beside = [(90.0, 70.0, 150.0, 190.0), (300.0, 70.0, 360.0, 190.0)]
        for listed in ([], [(20.0, 20.0, 110.0, 140.0)], beside):
            with pytest.raises(InvalidReply, match="differs from the frame where no face is listed"):
                verify_unchanged(image, clear, listed, 0.25)


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_a_small_face_that_is_masked_but_not_listed_is_noticed(face: Image, style: str) -> None:
    """16 px high in 640x360."""
    image = np.full((360, 640, 3), (90, 110, 100), np.uint8)
    head = cv2.resize(face[57:177, 178:273], (13, 16), interpolation=cv2.INTER_AREA)
    image[100:116, 200:213] = head
    clear = thumbnail(DecodedFrame(0, 0, av.VideoFrame.from_ndarray(image, "bgr24")).thumbnail(320), 2.0)
    verify_unchanged(gray_image(encode_image(image, "jpeg", 95), clear), clear, [], 0.25)
    redact(image, regions([(200.0, 100.0, 213.0, 116.0)], 0.25), style)
    with pytest.raises(InvalidReply, match="differs from the frame"):
        verify_unchanged(gray_image(encode_image(image, "jpeg", 95), clear), clear, [], 0.25)


@pytest.mark.parametrize("size_wh", [(160, 120), (321, 241), (640, 360), (1280, 720)])
def test_what_jpeg_changes_is_none(face: Image, size_wh: tuple[int, int]) -> None:
    """Of a photograph, of noise and of bars, after two JPEGs; also where the frame has another pixel format."""
    width, height = size_wh
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    bars = np.zeros((height, width, 3), np.uint8)
    bars[:, ::2], bars[:, 1::2] = (255, 0, 0), (0, 0, 255)
    for image in (cv2.resize(face, size_wh), noise, bars):
        pixels = av.VideoFrame.from_ndarray(np.asarray(image, np.uint8), "bgr24")
        frame = DecodedFrame(0, 0, pixels.reformat(format="yuv420p10le", dst_colorspace="ITU709"))
        small = frame.thumbnail(320)
        clear = thumbnail(small, width / small.shape[1])
        sent = encode_image(frame.upright(), "jpeg", 95)
        returned = encode_image(decode_image(sent), "jpeg", 95)
        verify_unchanged(gray_image(returned, clear), clear, [], 0.25)
        verify_unchanged(decode_image(returned), clear, [], 0.25)


def test_an_image_that_cannot_be_decoded_is_an_error(face: Image) -> None:
    with pytest.raises(InvalidReply, match="a damaged or cut image"):
        gray_image(b"\xff\xd8\xff", upright(face))
