"""The image codec over real HTTP: rotations, formats, cut files, and images that lie about their size."""

from __future__ import annotations

import base64
import io
import time

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function.errors import WireError
from faceblur_function.images import CVAT_FORMATS, check_images, decode_image, encode_image
from tests.support.function_requests import bomb_jpeg, bomb_png, in_tiff, jpeg, many_scans, post


def test_exif_rotation_is_seen_upright(function_url: str, face: Image) -> None:
    buffer = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = 6  # stored turned counter-clockwise: a viewer turns it back
    lying = np.ascontiguousarray(np.rot90(face[:400])[..., ::-1])
    Pillow.fromarray(lying).save(buffer, "JPEG", quality=95, exif=exif)
    body = {"frames": [base64.b64encode(buffer.getvalue()).decode()]}
    reply = post(function_url, body).json()
    assert len(reply["faces"][0]) == 1
    assert decode_image(base64.b64decode(reply["frames"][0])).shape == (400, 512, 3)


def test_webp_palette_gray_and_16_bit(function_url: str, face: Image) -> None:
    image = Pillow.fromarray(face[..., ::-1])
    deep = Pillow.fromarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257)
    for kind, one in [("WEBP", image), ("PNG", image.quantize(64)), ("JPEG", image.convert("L")), ("PNG", deep)]:
        buffer = io.BytesIO()
        one.save(buffer, kind)
        body = {"frames": [base64.b64encode(buffer.getvalue()).decode()], "return": "faces"}
        assert len(post(function_url, body).json()["faces"][0]) == 1, kind


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"])
def test_a_cut_image_is_not_filled_up(face: Image, kept: float, ending: bytes) -> None:
    content = jpeg(face)
    cut = content[: int(len(content) * kept)] + ending
    if ending:  # a forged end: the image is damaged, but complete for the decoder; it must at least keep its size
        assert decode_image(cut).shape == face.shape
        return
    with pytest.raises(WireError, match="damaged or cut"):
        decode_image(cut)


def test_a_png_that_was_damaged_is_refused(face: Image) -> None:
    """Behind the damage it has wrong colours: a face can be seen there and is not detected."""
    content = bytearray(encode_image(face, "png", 95))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(WireError, match="frame 2: a damaged or cut image"):
        decode_image(bytes(content), frame=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_that_is_cut_at_its_beginning_is_named_as_cut(face: Image, kind: str) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(face).save(buffer, kind)
    with pytest.raises(WireError, match=r"^frame 0: a damaged or cut image$"):
        check_images([buffer.getvalue()[:20]], max_bytes=1 << 30, max_megapixels=64)


def test_a_bomb_costs_nothing(local_function: LocalFunction) -> None:
    process = psutil.Process(local_function.workers.pids[0])
    peak = process.memory_info().rss
    for content in (bomb_jpeg(65000, 65000), bomb_png(65000, 65000)):
        assert post(local_function.url, {"frames": [base64.b64encode(content).decode()]}).status_code == 400
    assert process.memory_info().rss < peak + (32 << 20)


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert decode_image(many_scans(100)).shape == (48, 64, 3)
    start, bomb = time.process_time(), many_scans(5000, (4000, 3000))
    with pytest.raises(WireError, match="frame 3: a JPEG of more than 100 scans"):
        decode_image(bomb, frame=3)
    with pytest.raises(WireError, match="frame 0: a JPEG of more than 100 scans"):
        check_images([bomb], max_bytes=1 << 30, max_megapixels=64)
    with pytest.raises(WireError, match="damaged or cut"):
        decode_image(in_tiff(many_scans(5000)), formats=CVAT_FORMATS)
    assert time.process_time() - start < 3


def test_what_only_looks_like_a_scan_is_none(face: Image) -> None:
    """In a segment of metadata, and behind the end, where cameras append other images and videos."""
    content = jpeg(face)
    scan = b"\xff\xda" * 1000
    comment = b"\xff\xfe" + (len(scan) + 2).to_bytes(2, "big") + scan
    for other in (content[:2] + comment + content[2:], content + scan):
        assert other.count(b"\xff\xda") > 1000
        assert (decode_image(other) == decode_image(content)).all()
